use prost::Message;

use super::super::with_weights_inside;
use super::*;
use crate::model::onnx::messages::{
    AttributeProto, DataType, EXTERNAL, GraphProto, ModelProto, NodeProto, StringStringEntryProto,
    TensorProto,
};

fn node(
    domain: &str,
    operator: &str,
    inputs: &[&str],
    attribute: Vec<AttributeProto>,
) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec!["out".to_owned()],
        op_type: Some(operator.to_owned()),
        domain: Some(domain.to_owned()),
        attribute,
        ..NodeProto::default()
    }
}

fn floats(name: &str, dims: &[i64], raw: Option<Vec<u8>>) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: dims.to_vec(),
        data_type: Some(DataType::Float as i32),
        raw_data: raw,
        ..TensorProto::default()
    }
}

fn sizes(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: vec![values.len() as i64],
        data_type: Some(DataType::Int64 as i32),
        raw_data: Some(
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        ),
        ..TensorProto::default()
    }
}

fn elsewhere(name: &str, dims: &[i64], entries: &[(&str, &str)]) -> TensorProto {
    let entry = |&(key, value): &(&str, &str)| StringStringEntryProto {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    };
    TensorProto {
        external_data: entries.iter().map(entry).collect(),
        data_location: Some(EXTERNAL),
        ..floats(name, dims, None)
    }
}

fn model(node: Vec<NodeProto>, initializer: Vec<TensorProto>) -> Vec<u8> {
    let graph = GraphProto {
        node,
        initializer,
        ..GraphProto::default()
    };
    ModelProto {
        graph: Some(graph),
        ..ModelProto::default()
    }
    .encode_to_vec()
}

fn branch(depth: usize) -> NodeProto {
    let inner = match depth {
        0 => node("", "Add", &[], Vec::new()),
        _ => branch(depth - 1),
    };
    let graph = GraphProto {
        node: vec![inner],
        ..GraphProto::default()
    };
    let attribute = AttributeProto {
        name: Some("then_branch".to_owned()),
        g: Some(graph),
        ..AttributeProto::default()
    };
    node("", "If", &["x"], vec![attribute])
}

#[track_caller]
fn refused(model: &[u8], reason: &str) {
    let what = check(model, Weights::Inside).expect_err(reason);
    assert!(what.contains(reason), "{what}");
}

#[test]
fn an_ordinary_graph_passes() {
    let one = floats("w", &[1], Some(vec![0; 4]));
    let plain = model(
        vec![node("", "Add", &["x", "w"], Vec::new()), branch(3)],
        vec![one],
    );
    check(&plain, Weights::Inside).unwrap();
    let contributed = vec![node("com.microsoft", "BiasGelu", &["x", "w"], Vec::new())];
    check(&model(contributed, Vec::new()), Weights::Inside).unwrap();
}

#[test]
fn operators_that_are_no_part_of_a_model_are_refused_by_name() {
    for (domain, operator) in [
        ("", "Loop"),
        ("", "Scan"),
        ("", "RandomNormal"),
        ("com.example", "Add"),
        ("com.microsoft", "Tokenizer"),
        ("", ""),
    ] {
        let node = node(domain, operator, &["x"], Vec::new());
        refused(&model(vec![node], Vec::new()), &format!("{operator:?}"));
    }
    refused(&model(vec![branch(9)], Vec::new()), "nested too deep");
}

#[test]
fn tensors_have_the_values_that_their_shapes_ask_for() {
    for (dims, raw, reason) in [
        (&[2_i64][..], Some(vec![0; 4]), "has not the values"),
        (&[2], None, "has not the values"),
        (&[-1], Some(vec![]), "impossible shape"),
        (&[-1, 0], Some(vec![]), "impossible shape"),
        (&[1 << 62, 4], Some(vec![]), "impossible shape"),
        (&[i64::MAX], Some(vec![]), "impossible shape"),
    ] {
        refused(&model(Vec::new(), vec![floats("w", dims, raw)]), reason);
    }
    let unknown = TensorProto {
        data_type: Some(99),
        ..floats("w", &[0], None)
    };
    refused(&model(Vec::new(), vec![unknown]), "unknown type");
}

#[test]
fn constants_do_not_ask_for_all_memory() {
    for (operator, inputs) in [
        ("ConstantOfShape", &["n"][..]),
        ("Expand", &["x", "n"]),
        ("Tile", &["x", "n"]),
    ] {
        let of = |values: &[i64]| {
            let nodes = vec![node("", operator, inputs, Vec::new())];
            model(nodes, vec![sizes("n", values)])
        };
        check(&of(&[64, 1024]), Weights::Inside).unwrap();
        refused(&of(&[1 << 20, 1 << 20]), "makes a tensor of");
        refused(&of(&[i64::MAX, i64::MAX, 2]), "makes a tensor of");
    }
    for (values, is_fine) in [
        ([0, 1000, 1], true),
        ([0, 1 << 40, 1], false),
        ([-(1 << 40), 0, 1], false),
        ([0, 5, 0], false),
    ] {
        let range = node("", "Range", &["a", "b", "c"], Vec::new());
        let constants = ["a", "b", "c"].into_iter().zip(values);
        let constants = constants
            .map(|(name, value)| sizes(name, &[value]))
            .collect();
        let found = check(&model(vec![range], constants), Weights::Inside);
        assert_eq!(found.is_ok(), is_fine, "{values:?}: {found:?}");
    }
    // The constant is in another part of the message.
    let nodes = vec![node("", "ConstantOfShape", &["n"], Vec::new())];
    let parts = [
        model(nodes, Vec::new()),
        model(Vec::new(), vec![sizes("n", &[1 << 40])]),
    ];
    refused(&parts.concat(), "makes a tensor of");
    let constant = AttributeProto {
        name: Some("value_ints".to_owned()),
        ints: vec![1 << 40],
        ..AttributeProto::default()
    };
    let mut nodes = vec![
        node("", "Constant", &[], vec![constant]),
        node("", "ConstantOfShape", &["out"], Vec::new()),
    ];
    refused(&model(nodes.clone(), Vec::new()), "makes a tensor of");
    nodes.reverse();
    refused(&model(nodes, Vec::new()), "makes a tensor of");
}

#[test]
fn values_in_other_files_are_those_of_the_model_alone() {
    let file = |name: &str| (name == "model.weights").then_some(100);
    let beside = Weights::Beside(&file);
    let of = |dims: &[i64], entries: &[(&str, &str)]| {
        model(Vec::new(), vec![elsewhere("w", dims, entries)])
    };
    let good = [
        ("location", "model.weights"),
        ("offset", "80"),
        ("length", "20"),
    ];
    check(&of(&[5], &good), beside).unwrap();
    check(&of(&[5], &good[..2]), beside).unwrap();
    refused(&of(&[5], &good), "in another file");
    for (dims, entries) in [
        (4, &good[..]),
        (5, &[("location", ".env")]),
        (5, &[("location", "../model.weights")]),
        (
            5,
            &[
                ("location", "model.weights"),
                ("offset", "90"),
                ("length", "20"),
            ],
        ),
        (5, &[("location", "model.weights"), ("offset", "-1")]),
        (5, &[("location", "model.weights"), ("offset", "101")]),
        (5, &[("location", "model.weights"), ("plugin", "x")]),
        (5, &[]),
    ] {
        check(&of(&[dims], entries), beside).unwrap_err();
    }
}

#[test]
fn weights_of_other_files_are_taken_in() {
    let folder = tempfile::tempdir().unwrap();
    let values: Vec<u8> = (0..20).collect();
    std::fs::write(folder.path().join("data"), [&[9; 4], &values[..]].concat()).unwrap();
    let plain = floats("v", &[1], Some(vec![7; 4]));
    let outside = elsewhere("w", &[5], &[("location", "data"), ("offset", "4")]);
    let nodes = vec![node("", "Add", &["v", "w"], Vec::new())];
    let before = model(nodes.clone(), vec![plain.clone(), outside]);
    let inside = with_weights_inside(&before, folder.path())
        .unwrap()
        .unwrap();
    check(&inside, Weights::Inside).unwrap();
    let taken_in = floats("w", &[5], Some(values));
    let expected = ModelProto::decode(&*model(nodes, vec![plain, taken_in])).unwrap();
    assert_eq!(ModelProto::decode(&*inside).unwrap(), expected);
    assert_eq!(with_weights_inside(&inside, folder.path()).unwrap(), None);

    for location in ["../data", "/etc/passwd", "", "none", "."] {
        let outside = elsewhere("w", &[5], &[("location", location)]);
        let model = model(Vec::new(), vec![outside]);
        with_weights_inside(&model, folder.path()).unwrap_err();
    }
}

#[test]
fn bytes_that_are_no_graph_are_refused() {
    let whole = model(vec![branch(2)], vec![floats("w", &[1], Some(vec![0; 4]))]);
    for len in 0..whole.len() {
        let _ = check(&whole[..len], Weights::Inside);
    }
    for bytes in [&b""[..], b"\xff\xff", b"none of this", b"0000ORTM"] {
        check(bytes, Weights::Inside).unwrap_err();
    }
    let graph = [0x3a, 0x00];
    check(&graph, Weights::Inside).unwrap();
    // Functions and training graphs.
    refused(&[&graph[..], &[0xca, 0x01, 0x00]].concat(), "functions");
    refused(&[&graph[..], &[0xa2, 0x01, 0x00]].concat(), "training");
}
