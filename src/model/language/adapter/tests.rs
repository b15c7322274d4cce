//! Adapters to bytes and back, and bytes that are none.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Adapter, BaseModel, LinearModule, LowRank};
use crate::ErrorKind;
use crate::rng::Rng;

fn base() -> BaseModel {
    BaseModel {
        name: "a model".into(),
        fingerprint: "0123".into(),
    }
}

fn change(layer: usize, module: LinearModule, [inputs, rank, outputs]: [usize; 3]) -> LowRank {
    let mut rng = Rng::new(layer as u64 + 10 * inputs as u64);
    let mut values = |count| (0..count).map(|_| rng.unit_f32() - 0.5).collect();
    LowRank {
        layer,
        module,
        inputs,
        outputs,
        a: values(inputs * rank),
        b: values(rank * outputs),
    }
}

fn adapter() -> Adapter {
    let changes = vec![
        change(11, LinearModule::Down, [6, 2, 4]),
        change(2, LinearModule::Query, [4, 2, 3]),
        change(11, LinearModule::Key, [4, 2, 5]),
    ];
    let facts = [("steps", "120"), ("loss", "1.5, \"falling\"\n")];
    let facts = facts.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let adapter = Adapter::new(base(), 2, changes).unwrap();
    let adapter = adapter.with_rerank_token(Some(7));
    adapter.with_facts(BTreeMap::from(facts)).unwrap()
}

/// The bytes with the header changed.
fn with_header(bytes: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let len = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + len]).unwrap();
    change(&mut header);
    let header = header.to_string().into_bytes();
    let prefix = (header.len() as u64).to_le_bytes();
    [&prefix[..], &header, &bytes[8 + len..]].concat()
}

#[test]
fn bytes_bring_back_the_same_adapter() {
    let adapter = adapter();
    let places: Vec<_> = adapter.changes().iter().map(LowRank::to_string).collect();
    assert_eq!(
        places,
        [
            "layers.2.self_attn.q_proj",
            "layers.11.self_attn.k_proj",
            "layers.11.mlp.down_proj"
        ]
    );
    let halved = adapter.clone().halved().unwrap();
    for adapter in [&adapter, &halved] {
        let bytes = adapter.to_bytes();
        let again = Adapter::from_bytes(&bytes).unwrap();
        assert_eq!(again, *adapter);
        assert_eq!(again.to_bytes(), bytes);
        assert_eq!(again.fingerprint(), adapter.fingerprint());
        assert_eq!(again.rerank_token(), Some(7));
        assert_eq!(again.facts()["steps"], "120");
    }
    assert!(halved.to_bytes().len() < adapter.to_bytes().len());
    assert_ne!(halved.fingerprint(), adapter.fingerprint());
    for (exact, half) in adapter.changes().iter().zip(halved.changes()) {
        let pairs = exact.a.iter().zip(&half.a);
        assert!(
            pairs
                .clone()
                .all(|(exact, half)| (exact - half).abs() < 1e-3)
        );
        assert!(pairs.clone().any(|(exact, half)| exact != half));
    }

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("adapter.safetensors");
    halved.write(&path).unwrap();
    adapter.write(&path).unwrap();
    assert_eq!(Adapter::read(&path).unwrap(), adapter);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    let missing = Adapter::read(folder.path().join("none")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

#[test]
fn other_readers_of_the_format_read_it() {
    let adapter = adapter();
    let bytes = adapter.to_bytes();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensor = file.tensor("layers.2.self_attn.q_proj.a").unwrap();
    assert_eq!(tensor.shape(), [4, 2]);
    let values: Vec<u8> = adapter.changes()[0]
        .a
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    assert_eq!(tensor.data(), values);
}

#[test]
fn what_does_not_fit_together_is_no_adapter() {
    let good = || change(0, LinearModule::Up, [4, 2, 3]);
    let refused = |change: LowRank| {
        let error = Adapter::new(base(), 2, vec![change]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(
            error.to_string().contains("layers.0.mlp.up_proj"),
            "{error}"
        );
    };
    let (mut short, mut long, mut empty) = (good(), good(), good());
    short.a.pop();
    long.b.push(0.0);
    (empty.inputs, empty.a) = (0, Vec::new());
    let (mut infinite, mut none) = (good(), good());
    infinite.a[3] = f32::INFINITY;
    none.b[0] = f32::NAN;
    for change in [short, long, empty, infinite, none] {
        refused(change);
    }
    let kind = |rank, changes| Adapter::new(base(), rank, changes).unwrap_err().kind();
    assert_eq!(kind(2, vec![good(), good()]), ErrorKind::InvalidInput);
    assert_eq!(kind(2, Vec::new()), ErrorKind::InvalidInput);
    assert_eq!(kind(0, vec![good()]), ErrorKind::InvalidInput);
    assert_eq!(kind(1 << 20, vec![good()]), ErrorKind::Limit);
    let high = LowRank {
        layer: 1 << 20,
        ..good()
    };
    assert_eq!(kind(2, vec![high]), ErrorKind::Limit);

    let mut large = good();
    large.b[1] = 1e6;
    let large = Adapter::new(base(), 2, vec![large]).unwrap();
    assert_eq!(large.halved().unwrap_err().kind(), ErrorKind::InvalidInput);
    let long = BTreeMap::from([("x".to_owned(), "y".repeat(5_000))]);
    let long = adapter().with_facts(long).unwrap_err();
    assert_eq!(long.kind(), ErrorKind::Limit);
}

#[test]
fn damaged_bytes_are_errors() {
    let bytes = adapter().to_bytes();
    let refused = |bytes: &[u8], word: &str| {
        let error = Adapter::from_bytes(bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model);
        assert!(error.to_string().contains(word), "{word}: {error}");
    };
    for len in 0..bytes.len() {
        refused(&bytes[..len], "damaged");
    }
    refused(&[&bytes[..], &[0]].concat(), "damaged");
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x80;
        // What is read of it is an adapter, and has the bytes of one.
        if let Ok(adapter) = Adapter::from_bytes(&changed) {
            assert_eq!(Adapter::from_bytes(&adapter.to_bytes()).unwrap(), adapter);
        }
    }
    let mut infinite = bytes.clone();
    let last = infinite.len() - 4;
    infinite[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    refused(&infinite, "layers.11.mlp.down_proj");

    let q = "layers.2.self_attn.q_proj.a";
    let renamed = |to: &str| {
        with_header(&bytes, |header| {
            let tensor = header.as_object_mut().unwrap().remove(q).unwrap();
            header[to] = tensor;
        })
    };
    refused(&renamed("layers.2.self_attn.z_proj.a"), "z_proj");
    refused(&renamed("layers.02.self_attn.q_proj.a"), "layers.02");
    refused(&renamed("layers.3.self_attn.q_proj.a"), "one of the two");
    refused(
        &renamed("layers.9999999.self_attn.q_proj.a"),
        "one of the two",
    );
    refused(&renamed("layers.2.self_attn.q_proj.c"), "proj.c");
    let set =
        |tensor: &str, key: &str, to: Value| with_header(&bytes, |header| header[tensor][key] = to);
    refused(&set(q, "shape", json!([2, 4])), "rank");
    refused(&set(q, "shape", json!([8])), "q_proj is none");
    refused(&set(q, "shape", json!([4, 3])), "damaged");
    refused(&set(q, "dtype", json!("I32")), "throughout");
    refused(&set(q, "dtype", json!("BF16")), "damaged");
    let metadata = "__metadata__";
    refused(&set(metadata, "rank", json!("3")), "rank");
    refused(&set(metadata, "rank", json!("x")), "rank");
    refused(&set(metadata, "rerank_token", json!("-1")), "rerank_token");
    refused(&set(metadata, "format", json!("other")), "other");
    refused(&set(metadata, "alpha", json!("16")), "alpha");
    let bare = with_header(&bytes, |header| {
        header.as_object_mut().unwrap().remove(metadata);
    });
    refused(&bare, "format");
}
