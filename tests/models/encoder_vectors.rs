//! The vectors of the default encoder: right against an independent implementation, in order,
//! independent of their neighbours, and defined for every text.

use std::io::Read;
use std::sync::{Mutex, OnceLock};

use crate::support::installed;
use crate::support::repository::repository;
use serde_json::Value;
use sha2::{Digest, Sha256};
use zerogr::TextEncoder;
use zerogr::raw::model::{Device, Encoder, EncoderOptions, cache};

/// Title and text of the first `count` documents of SciFact.
fn scifact(count: usize) -> Vec<String> {
    let file = std::fs::File::open(repository("tests/data/scifact/corpus.jsonl.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .take(count)
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|d| {
            format!(
                "{} {}",
                d["title"].as_str().unwrap(),
                d["text"].as_str().unwrap()
            )
        })
        .collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn encoder() -> &'static Encoder {
    static ENCODER: OnceLock<Encoder> = OnceLock::new();
    ENCODER.get_or_init(|| {
        installed::setup();
        Encoder::from_cache(&EncoderOptions::new().device(Device::Cpu)).unwrap()
    })
}

fn encode<T: AsRef<str> + Sync>(texts: &[T], max_len_tokens: usize) -> Vec<Vec<f32>> {
    let vectors = encoder()
        .encode(texts, max_len_tokens, |_, _| Ok(()))
        .unwrap();
    vectors
        .chunks(encoder().dim())
        .map(<[f32]>::to_vec)
        .collect()
}

fn reference() -> Vec<(String, Vec<u32>, Vec<f32>)> {
    let bytes = std::fs::read(repository("tests/data/encoder/reference.json")).unwrap();
    let rows: Vec<Value> = serde_json::from_slice(&bytes).unwrap();
    rows.into_iter()
        .map(|row| {
            let text = row["text"].as_str().unwrap().to_owned();
            let ids = serde_json::from_value(row["ids"].clone()).unwrap();
            (
                text,
                ids,
                serde_json::from_value(row["vector"].clone()).unwrap(),
            )
        })
        .collect()
}

#[test]
fn agrees_with_an_independent_float_implementation() {
    let rows = reference();
    assert!(rows.len() >= 10);
    let texts: Vec<&str> = rows.iter().map(|(text, _, _)| text.as_str()).collect();
    for ((text, ids, want), got) in rows.iter().zip(encode(&texts, 128)) {
        assert_eq!(
            &encoder().tokenizer().encode(text, 128).unwrap(),
            ids,
            "{text:?}"
        );
        let cosine = cosine(want, &got);
        println!("{cosine:.6} {:.40}", text);
        // 8-bit weights against float64: measured 0.9853 for the empty text, 0.9904 for hundreds of
        // one letter, 0.9959 and up for texts of words.
        let least = if text.contains(' ') { 0.995 } else { 0.98 };
        assert!(cosine >= least, "{cosine} {text:?}");
    }
}

#[test]
fn order_is_restored_and_neighbours_do_not_matter() {
    let texts = scifact(60);
    let together = encode(&texts, 128);
    let reversed: Vec<&String> = texts.iter().rev().collect();
    let backwards = encode(&reversed, 128);
    for (at, text) in texts.iter().enumerate() {
        let alone = encode(&[text], 128).remove(0);
        assert_eq!(alone, together[at]);
        assert_eq!(alone, backwards[texts.len() - 1 - at]);
    }
    assert!(
        cosine(&together[0], &together[1]) < 0.9,
        "different texts, different vectors"
    );
}

#[test]
fn bulk_sessions_give_the_vectors_of_the_single_session() {
    installed::setup();
    let options = EncoderOptions::new().device(Device::Cpu);
    let bulk = Encoder::from_cache(&options.threads(4).sessions(2)).unwrap();
    // More tokens than one session is given.
    let texts = scifact(300);
    let mut seen = Vec::new();
    let vectors = bulk
        .encode(&texts, 32, |done, all| {
            seen.push((done, all));
            Ok(())
        })
        .unwrap();
    for (one, text) in vectors.chunks(bulk.dim()).zip(&texts) {
        assert_eq!(one, encode(&[text], 32).remove(0));
    }
    assert_eq!(seen.last(), Some(&(300, 300)));
    assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let again = bulk.encode(&texts, 32, |_, _| Ok(())).unwrap();
    assert_eq!(vectors, again, "the same call gives the same bytes");
}

#[test]
fn every_vector_is_a_unit_vector_also_of_odd_texts() {
    let odd = [
        "",
        " ",
        "\0",
        "\u{fffd}",
        "\u{202e}",
        "[SEP]",
        "🔎",
        "a\u{301}",
        "\u{10ffff}",
    ];
    for vector in encode(&odd, 256) {
        let norm = cosine(&vector, &vector);
        assert!((norm - 1.0).abs() < 1e-5);
    }
    assert!(encode::<&str>(&[], 128).is_empty());
    assert_eq!(
        encode(&[""], 128).remove(0),
        encoder().encode_one("").unwrap()
    );
}

#[test]
fn texts_are_cut_at_the_limit() {
    let text = scifact(1).remove(0);
    let words: Vec<&str> = text.split_whitespace().collect();
    let short = words[..words.len().min(40)].join(" ");
    // More text behind the limit changes nothing, within the limit it does.
    let cut = encode(&[&text, &short], 16);
    assert_eq!(cut[0], cut[1]);
    let whole = encode(&[&text, &short], 256);
    assert!(cosine(&whole[0], &whole[1]) < 0.999);
    // Never more than the model reads.
    let long = text.repeat(20);
    let beyond = encode(&[&long], 100_000);
    assert_eq!(beyond, encode(&[&long], 256));
    let error = encoder().encode(&["x"], 2, |_, _| Ok(())).unwrap_err();
    assert!(error.is_invalid_input(), "{error}");
}

#[test]
fn a_long_document_is_its_beginning() {
    let text = scifact(1).remove(0);
    let long = text.repeat(6_000);
    assert!(long.len() > 5_000_000);
    let beginning = text.repeat(10);
    assert_eq!(encode(&[&long], 256), encode(&[&beginning], 256));
}

#[test]
fn usable_from_many_threads_and_as_a_trait_object() {
    let shared: &dyn TextEncoder = encoder();
    let want = shared
        .encode(&["one query"], 64, &mut |_, _| Ok(()))
        .unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let got = shared
                        .encode(&["one query"], 64, &mut |_, _| Ok(()))
                        .unwrap();
                    assert_eq!(got, want);
                }
            });
        }
    });
    assert_eq!(shared.dim(), 384);
}

#[test]
fn a_token_head_weighs_tokens_and_leaves_their_vectors_alone() {
    let installed = cache::model_dir(cache::DEFAULT_MODEL).unwrap();
    let text = "What is the capital of the kingdom of Bhutan?";
    let tokens_of = |encoder: &Encoder| {
        let told = Mutex::new((Vec::new(), Vec::new(), Vec::new()));
        let whole = encoder
            .encode_tokens(&[text, "and"], 64, &mut |_, _| Ok(()), &|number, found| {
                if number == 0 {
                    assert_eq!(found.vectors.len(), found.tokens.len() * encoder.dim());
                    *told.lock().unwrap() = (
                        found.vectors.to_vec(),
                        found.query_weights.to_vec(),
                        found.document_weights.to_vec(),
                    );
                }
            })
            .unwrap();
        let (vectors, in_query, in_document) = told.into_inner().unwrap();
        (whole, vectors, in_query, in_document)
    };
    let (whole, vectors, in_query, in_document) = tokens_of(encoder());
    // The folder as it was installed is the encoder without a head.
    let plain = Encoder::from_dir(&installed, &EncoderOptions::new().device(Device::Cpu)).unwrap();
    assert_eq!(plain.fingerprint(), cache::DEFAULT_MODEL_SHA256);
    let mut bytes = std::fs::read(installed.join("model.onnx")).unwrap();
    bytes.extend_from_slice(cache::DEFAULT_TOKEN_HEAD);
    let digest: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(encoder().fingerprint(), digest);
    let (whole_of_plain, vectors_of_plain, no_weights, none_either) = tokens_of(&plain);
    assert_eq!((whole, vectors), (whole_of_plain, vectors_of_plain));
    assert_eq!((no_weights, none_either), (Vec::new(), Vec::new()));

    let ids = encoder().tokenizer().encode(text, 64).unwrap();
    assert_eq!(in_query.len(), ids.len() - 2);
    assert_eq!(in_document.len(), ids.len() - 2);
    assert!(
        in_document
            .iter()
            .all(|weight| (0.0..=2.0).contains(weight))
    );
    // "the" in front of "capital", and "Bhutan" in front of the question mark.
    assert!(
        in_query[2] < in_query[in_query.len() - 2],
        "{in_query:?} {in_document:?}"
    );
}
