//! Vectors of imported encoders equal those of the plain loops: all families, all formats, all ways
//! of pooling, prompts, truncation, layers behind the pooling.

use std::path::Path;

use serde_json::json;

use super::checkpoint::{FAMILIES, modules, write_folder, write_json, write_tensors};
use super::reference::{Reference, gelu, pooled, scale};
use crate::convert::encoder::import_encoder;
use crate::model::language::WeightFormat;
use crate::model::{Device, Encoder, EncoderOptions, Runtime};

const TEXTS: [&str; 4] = [
    "w4",
    "w5 w39 w6 w6 w11",
    "w12 nothing w13 w14 w15 w16 w17 w18 w19 w20 w21 w22",
    "w30 w31 w7 w8 w9 w10 w30 w12 w12 w20 w21 w22 w23 w24 w25 w26 w27 w28",
];

fn has_runtime() -> bool {
    match Runtime::load(None) {
        Ok(_) => true,
        Err(error) => {
            eprintln!("skipped: {error}");
            false
        }
    }
}

/// The encoder of a folder in a format.
fn imported(from: &Path, format: WeightFormat) -> Encoder {
    let place = tempfile::tempdir().unwrap();
    let to = place.path().join("encoder");
    import_encoder(from, &to, format, None, &mut |_, _| {}).unwrap();
    let options = EncoderOptions::new().device(Device::Cpu).threads(1);
    Encoder::from_dir(&to, &options).unwrap()
}

fn cosine(a: &[f32], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(&x, y)| f64::from(x) * y).sum()
}

/// The least cosine over the texts, alone and all in one pass.
fn least_cosine(encoder: &Encoder, wanted: &dyn Fn(&[u32]) -> Vec<f64>) -> f64 {
    let most = encoder.max_len_tokens();
    let together = encoder.encode(&TEXTS, most, |_, _| Ok(())).unwrap();
    let together = together.chunks(encoder.dim());
    let of_text = |(text, vector): (&&str, &[f32])| {
        let tokens = encoder.tokenizer().encode(text, most).unwrap();
        let wanted = wanted(&tokens);
        assert_eq!(wanted.len(), vector.len());
        let alone = encoder.encode_one(text).unwrap();
        cosine(&alone, &wanted).min(cosine(vector, &wanted))
    };
    TEXTS.iter().zip(together).map(of_text).fold(1.0, f64::min)
}

#[test]
fn every_family_in_every_format_equals_the_reference() {
    if !has_runtime() {
        return;
    }
    for family in FAMILIES {
        let dir = tempfile::tempdir().unwrap();
        let mode = if family == "qwen3" {
            "lasttoken"
        } else {
            "mean"
        };
        let tensors = write_folder(dir.path(), family, mode);
        let reference = Reference::new(family, &tensors);
        let wanted = |ids: &[u32]| pooled(&reference.tokens(ids), mode);
        for (format, least) in [
            (WeightFormat::F32, 0.9999),
            (WeightFormat::F16, 0.999),
            (WeightFormat::Int8, 0.995),
        ] {
            let found = least_cosine(&imported(dir.path(), format), &wanted);
            println!("{family} {format}: {found:.6}");
            assert!(found >= least, "{family} {format}: {found}");
        }
    }
}

#[test]
fn every_way_of_pooling_equals_the_reference() {
    if !has_runtime() {
        return;
    }
    for mode in ["cls", "mean", "max", "mean_sqrt_len", "lasttoken"] {
        let dir = tempfile::tempdir().unwrap();
        let tensors = write_folder(dir.path(), "bert", mode);
        let reference = Reference::new("bert", &tensors);
        let wanted = |ids: &[u32]| pooled(&reference.tokens(ids), mode);
        let found = least_cosine(&imported(dir.path(), WeightFormat::F32), &wanted);
        assert!(found >= 0.99999, "{mode}: {found}");
    }
}

/// Two layers behind the pooling, whatever their activations, before and behind which the pooling
/// may be.
#[test]
fn layers_behind_the_pooling_equal_the_reference() {
    if !has_runtime() {
        return;
    }
    let weights = |rows: usize, columns: usize, seed: usize| -> Vec<f32> {
        let value = |at: usize| ((at * 37 + seed * 11) % 19) as f32 / 19.0 - 0.45;
        (0..rows * columns).map(value).collect()
    };
    for (mode, activations) in [
        ("mean", ["Identity", "Identity"]),
        ("mean", ["Tanh", "Identity"]),
        ("mean_sqrt_len", ["Identity", "Identity"]),
        ("max", ["GELU", "Sigmoid"]),
        ("cls", ["Tanh", "ReLU"]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let tensors = write_folder(dir.path(), "bert", mode);
        write_json(dir.path(), "modules.json", &modules(2, true));
        let sizes = [(32, 48), (48, 16)];
        for (at, (inputs, outputs)) in sizes.iter().enumerate() {
            let folder = dir.path().join(format!("{}_Dense", at + 2));
            let class = format!("torch.nn.modules.activation.{}", activations[at]);
            let settings = json!({
                "in_features": inputs, "out_features": outputs, "bias": at == 0,
                "activation_function": class,
            });
            write_json(&folder, "config.json", &settings);
            let matrix = (vec![*outputs, *inputs], weights(*outputs, *inputs, at));
            let mut layer = [("linear.weight".to_owned(), matrix)].to_vec();
            if at == 0 {
                layer.push(("linear.bias".to_owned(), (vec![48], weights(48, 1, 5))));
            }
            write_tensors(
                &folder.join("model.safetensors"),
                &layer.into_iter().collect(),
                "",
            );
        }
        let reference = Reference::new("bert", &tensors);
        let dense = |x: &[f64], at: usize| -> Vec<f64> {
            let (inputs, outputs) = sizes[at];
            let matrix = weights(outputs, inputs, at);
            let of_output = |out: usize| {
                let row = matrix[out * inputs..][..inputs].iter();
                let sum: f64 = x.iter().zip(row).map(|(x, &w)| x * f64::from(w)).sum();
                let sum = if at == 0 {
                    sum + f64::from(weights(48, 1, 5)[out])
                } else {
                    sum
                };
                match activations[at] {
                    "Tanh" => sum.tanh(),
                    "GELU" => gelu(sum),
                    "Sigmoid" => 1.0 / (1.0 + (-sum).exp()),
                    "ReLU" => sum.max(0.0),
                    _ => sum,
                }
            };
            (0..outputs).map(of_output).collect()
        };
        let wanted = |ids: &[u32]| {
            let tokens = reference.tokens(ids);
            let count = tokens.len() as f64;
            let column = |at: usize| tokens.iter().map(move |row| row[at]);
            let pooled: Vec<f64> = match mode {
                "cls" => tokens[0].clone(),
                "max" => (0..32)
                    .map(|at| column(at).fold(f64::MIN, f64::max))
                    .collect(),
                "mean" => (0..32).map(|at| column(at).sum::<f64>() / count).collect(),
                _ => (0..32)
                    .map(|at| column(at).sum::<f64>() / count.sqrt())
                    .collect(),
            };
            let mut vector = dense(&dense(&pooled, 0), 1);
            scale(&mut vector);
            vector
        };
        let found = least_cosine(&imported(dir.path(), WeightFormat::F32), &wanted);
        assert!(found >= 0.9999, "{mode} {activations:?}: {found}");
    }
}

#[test]
fn prompts_and_lengths_are_those_of_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    write_folder(dir.path(), "roberta", "mean");
    let prompts =
        json!({"prompts": {"query": "w4 w5: ", "passage": "w6: "}, "similarity_fn_name": "cosine"});
    write_json(dir.path(), "config_sentence_transformers.json", &prompts);
    let import = |to: &str| {
        let to = dir.path().join(to);
        import_encoder(dir.path(), &to, WeightFormat::Int8, None, &mut |_, _| {}).unwrap()
    };
    let record = import("one");
    assert_eq!(record.query_prompt, "w4 w5: ");
    assert_eq!(record.document_prompt, "w6: ");
    // Of 24 places, two are for what is no token.
    assert_eq!(record.max_len_tokens, 22);
    write_json(
        dir.path(),
        "sentence_bert_config.json",
        &json!({"max_seq_length": 10}),
    );
    assert_eq!(import("two").max_len_tokens, 10);
    write_json(
        dir.path(),
        "sentence_bert_config.json",
        &json!({"max_seq_length": 512}),
    );
    assert_eq!(import("three").max_len_tokens, 22);
}

/// The same folder gives the same bytes, and a text the same vector, whatever stands beside it.
#[test]
fn the_same_folder_gives_the_same_graph() {
    let dir = tempfile::tempdir().unwrap();
    write_folder(dir.path(), "bert", "mean");
    let graph = |to: &str| {
        let to = dir.path().join(to);
        import_encoder(dir.path(), &to, WeightFormat::Int8, None, &mut |_, _| {}).unwrap();
        std::fs::read(to.join("model.onnx")).unwrap()
    };
    assert_eq!(graph("one"), graph("two"));
}

/// Norms are written by other names in some versions of `transformers`.
#[test]
fn norms_by_their_other_names_give_the_same_graph() {
    let dir = tempfile::tempdir().unwrap();
    let tensors = write_folder(dir.path(), "bert", "mean");
    let graph = |to: &str| {
        let to = dir.path().join(to);
        import_encoder(dir.path(), &to, WeightFormat::F32, None, &mut |_, _| {}).unwrap();
        std::fs::read(to.join("model.onnx")).unwrap()
    };
    let usual = graph("one");
    let other = |(name, tensor): (String, super::checkpoint::Tensor)| {
        let name = name.replace("LayerNorm.weight", "LayerNorm.gamma");
        (name.replace("LayerNorm.bias", "LayerNorm.beta"), tensor)
    };
    let renamed = tensors.into_iter().map(other).collect();
    write_tensors(&dir.path().join("model.safetensors"), &renamed, "bert.");
    assert_eq!(graph("two"), usual);
}
