//! SmolLM2 says what llama.cpp says (`tests/data/smollm2/greedy.py`), where it is installed.

use std::path::PathBuf;

use serde::Deserialize;

use super::graph::greatest_difference;
use super::session::{Decoder, Step};
use crate::convert::import;
use crate::model::Tokenizer;
use crate::model::language::WeightFormat;
use crate::model::runtime::cache;

#[derive(Deserialize)]
struct Greedy {
    text: String,
    prompt_ids: Vec<i64>,
    continuation_ids: Vec<i64>,
    first_logits: std::collections::BTreeMap<usize, f32>,
}

fn stored() -> Vec<Greedy> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/smollm2/greedy.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn checkpoint() -> Option<PathBuf> {
    let folder = cache::model_dir("SmolLM2-135M-Instruct-Q4_1").unwrap();
    let file = folder.join("SmolLM2-135M-Instruct.gguf");
    if !file.is_file() {
        eprintln!("skipped: `zerogr model import smollm2` has not been run");
        return None;
    }
    Some(file)
}

/// The most probable token.
fn best(logits: &[f32]) -> i64 {
    let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
    best.unwrap() as i64
}

#[test]
fn twenty_greedy_continuations_equal_those_of_an_independent_implementation() {
    let Some(file) = checkpoint() else { return };
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("f32");
    import(&file, &folder, WeightFormat::F32, &mut |_, _| ()).unwrap();
    let tokenizer = std::fs::read(folder.join("tokenizer.json")).unwrap();
    let tokenizer = Tokenizer::from_bytes(&tokenizer).unwrap();
    let stored = stored();
    assert_eq!(stored.len(), 20);
    for mut decoder in Decoder::open_both(&folder) {
        check_continuations(&mut decoder, &tokenizer, &stored);
    }
}

fn check_continuations(decoder: &mut Decoder, tokenizer: &Tokenizer, stored: &[Greedy]) {
    for (number, greedy) in stored.iter().enumerate() {
        assert!(greedy.continuation_ids.len() >= 64);
        if !greedy.text.contains("<|im_start|>") {
            let ids = tokenizer.encode_plain(&greedy.text).unwrap();
            let ids: Vec<i64> = ids.into_iter().map(i64::from).collect();
            assert_eq!(ids, greedy.prompt_ids, "{}", greedy.text);
        }
        // Each token must be the most probable one after all before it, which is to say that
        // greedy decoding gives them.
        let all = [greedy.prompt_ids.as_slice(), &greedy.continuation_ids].concat();
        let first = greedy.prompt_ids.len() - 1;
        decoder.forget(1);
        let step = Step {
            tokens: std::slice::from_ref(&all),
            positions: &[(0..all.len() as i64).collect()],
            sees: &|_, _, _| true,
            lengths: vec![all.len() as i32],
            rows: (first as i64..all.len() as i64 - 1).collect(),
            columns: vec![],
        };
        let logits = decoder.run(&step, false);
        let found: Vec<i64> = logits.iter().map(|logits| best(logits)).collect();
        assert_eq!(found, greedy.continuation_ids, "{}", greedy.text);
        let (ids, want): (Vec<usize>, Vec<f32>) = greedy.first_logits.clone().into_iter().unzip();
        let found: Vec<f32> = ids.iter().map(|&id| logits[0][id]).collect();
        let difference = greatest_difference(&found, &want);
        assert!(difference < 0.01, "{}: off by {difference}", greedy.text);
        // One of them token by token.
        if number == 0 {
            decoder.forget(1);
            let mut next = best(&decoder.feed(&greedy.prompt_ids));
            for &want in &greedy.continuation_ids {
                assert_eq!(next, want);
                next = best(&decoder.feed(&[next]));
            }
        }
    }
}
