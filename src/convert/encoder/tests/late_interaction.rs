//! Encoders of tokens equal the plain loops: markers, expansion, what is skipped, truncation, layers
//! behind the tokens.

use std::path::Path;

use parking_lot::Mutex;
use serde_json::json;

use super::checkpoint::{Tensors, write_json};
use super::reference::{Reference, gelu, scale};
use super::token_folder::{
    CLS, COMMA, DIM, DOCUMENT, DOCUMENT_TOKENS, LAYOUTS, LENGTHS, MASK, PROMPTS, QUERY,
    QUERY_TOKENS, SEP, STOP, change, write_folder,
};
use crate::convert::encoder::{EncoderRecord, import_encoder, is_encoder};
use crate::encode::TextEncoder;
use crate::model::language::WeightFormat;
use crate::model::{Device, Encoder, EncoderOptions, Pooling, Runtime};

const TEXTS: [&str; 4] = [
    "w4",
    "w5 . w30 , w6 w6 w11",
    "w12 nothing w13 , w14 w15 w16 w17 . w18 w19 w20 w21 w22",
    ". , .",
];

fn import(from: &Path, format: WeightFormat) -> (tempfile::TempDir, EncoderRecord) {
    let place = tempfile::tempdir().unwrap();
    let to = place.path().join("encoder");
    let record = import_encoder(from, &to, format, None, &mut |_, _| {}).unwrap();
    (place, record)
}

/// The encoder of a folder, if there is a runtime.
fn encoder(from: &Path, format: WeightFormat) -> Option<Encoder> {
    if let Err(error) = Runtime::load(None) {
        eprintln!("skipped: {error}");
        return None;
    }
    let (place, _) = import(from, format);
    let options = EncoderOptions::new().device(Device::Cpu).threads(1);
    Some(Encoder::from_dir(place.path().join("encoder"), &options).unwrap())
}

/// The vectors of a text as the papers and programs describe them.
struct Plain<'a> {
    family: &'a str,
    tensors: &'a Tensors,
    expands: bool,
    attends: bool,
}

impl Plain<'_> {
    /// Rows of tokens and their unit vectors.
    fn vectors(&self, text: &str, is_query: bool) -> (Vec<u32>, Vec<Vec<f64>>) {
        let (marker, most) = match is_query {
            true => (QUERY, QUERY_TOKENS),
            false => (DOCUMENT, DOCUMENT_TOKENS),
        };
        let words = text.split(' ').map(|word| match word {
            "." => STOP,
            "," => COMMA,
            word => word
                .strip_prefix('w')
                .and_then(|id| id.parse().ok())
                .unwrap_or(1),
        });
        let mut ids = vec![CLS, marker];
        ids.extend(words.take(most - 3));
        ids.push(SEP);
        let mut reference = Reference::new(self.family, self.tensors);
        if is_query && self.expands {
            if !self.attends {
                reference.seen_tokens = ids.len();
            }
            ids.resize(most, MASK);
        }
        let rows = reference.tokens(&ids).into_iter();
        let mut rows: Vec<(u32, Vec<f64>)> = ids
            .into_iter()
            .zip(rows.map(|row| self.projected(&row)))
            .collect();
        if !is_query {
            rows.retain(|(id, _)| ![STOP, COMMA].contains(id));
        }
        rows.into_iter().unzip()
    }

    fn projected(&self, row: &[f64]) -> Vec<f64> {
        let product = |row: &[f64], name: &str| -> Vec<f64> {
            let (shape, weights) = &self.tensors[name];
            let columns = shape[1];
            let of_output = |out: usize| {
                let weights = weights[out * columns..][..columns].iter();
                row.iter()
                    .zip(weights)
                    .map(|(x, &w)| x * f64::from(w))
                    .sum()
            };
            (0..shape[0]).map(of_output).collect()
        };
        let mut vector = match self.tensors.contains_key("projection") {
            true => product(row, "projection"),
            false => {
                let bias = &self.tensors["0.linear.bias"].1;
                let wide = product(row, "0.linear.weight");
                let residual = product(row, "0.residual.weight");
                let first: Vec<f64> = (0..DIM)
                    .map(|at| gelu(wide[at] + f64::from(bias[at])) + residual[at])
                    .collect();
                let second = product(&first, "1.linear.weight");
                (0..DIM).map(|at| first[at] + second[at]).collect()
            }
        };
        scale(&mut vector);
        vector
    }
}

fn cosine(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let cosine: f64 = a.iter().zip(b).map(|(&x, y)| f64::from(x) * y).sum();
    assert!(cosine.is_finite());
    cosine
}

/// The least cosine of all vectors of tokens and texts, in one call and in calls of their own.
fn least_cosine(encoder: &Encoder, plain: &Plain<'_>) -> f64 {
    let mut least = 1f64;
    let dim = encoder.dim();
    for is_query in [true, false] {
        let together = TEXTS.to_vec();
        let calls = TEXTS.iter().map(|text| vec![*text]).chain([together]);
        for texts in calls {
            let wanted = texts.iter().map(|text| plain.vectors(text, is_query));
            let wanted: Vec<_> = wanted.collect();
            let seen = Mutex::new((0, least));
            let each = |at: usize, text: crate::TokenVectors<'_>| {
                let (tokens, vectors) = &wanted[at];
                assert_eq!(text.tokens, tokens, "{texts:?}");
                assert_eq!(text.vectors.len(), vectors.len() * dim);
                let rows = text.vectors.chunks(dim).zip(vectors);
                let cosines = rows.map(|(row, wanted)| cosine(row, wanted));
                let (count, least) = &mut *seen.lock();
                *least = cosines.fold(*least, f64::min);
                *count += 1;
            };
            let progress = &mut |_, _| Ok(());
            let pooled = match is_query {
                true => encoder.encode_queries(&texts, 99, progress, Some(&each)),
                false => encoder.encode_tokens(&texts, 99, progress, &each),
            };
            let pooled = pooled.unwrap();
            let (count, least_of_tokens) = seen.into_inner();
            assert_eq!(count, texts.len());
            least = least_of_tokens;
            // Without tokens, the same.
            let alone = match is_query {
                true => encoder.encode_queries(&texts, 99, progress, None),
                false => TextEncoder::encode(encoder, &texts, 99, progress),
            };
            assert_eq!(alone.unwrap(), pooled);
            for (vector, (_, tokens)) in pooled.chunks(dim).zip(&wanted) {
                let column = |at: usize| tokens.iter().map(|row| row[at]).sum::<f64>();
                let mut mean: Vec<f64> = (0..dim).map(column).collect();
                scale(&mut mean);
                least = least.min(cosine(vector, &mean));
            }
        }
    }
    least
}

#[test]
fn every_layout_equals_the_reference() {
    for layout in LAYOUTS {
        for family in ["bert", "modernbert"] {
            if family == "modernbert" && layout == "authors" {
                continue;
            }
            for expands in [true, false] {
                if !expands && layout == "authors" {
                    continue;
                }
                let dir = tempfile::tempdir().unwrap();
                let tensors = write_folder(dir.path(), family, layout, expands);
                let plain = Plain {
                    family,
                    tensors: &tensors,
                    expands,
                    attends: false,
                };
                for (format, enough) in [
                    (WeightFormat::F32, 0.9999),
                    (WeightFormat::F16, 0.999),
                    (WeightFormat::Int8, 0.97),
                ] {
                    let Some(encoder) = encoder(dir.path(), format) else {
                        return;
                    };
                    let found = least_cosine(&encoder, &plain);
                    println!("{layout} {family} {format}: {found:.6}");
                    assert!(found >= enough, "{layout} {family} {format}: {found}");
                }
            }
        }
    }
}

#[test]
fn masks_are_attended_to_where_a_folder_says_so() {
    for layout in LAYOUTS {
        let dir = tempfile::tempdir().unwrap();
        let tensors = write_folder(dir.path(), "bert", layout, true);
        match layout {
            "pylate" => change(
                dir.path(),
                PROMPTS,
                "attend_to_expansion_tokens",
                json!(true),
            ),
            "authors" => change(
                dir.path(),
                "artifact.metadata",
                "attend_to_mask_tokens",
                json!(true),
            ),
            _ => {
                let expansion = json!({"strategy": "min", "attend": true, "length": QUERY_TOKENS});
                change(dir.path(), LENGTHS, "query_expansion", expansion);
                change(dir.path(), LENGTHS, "query_length", json!(QUERY_TOKENS));
            }
        }
        let plain = Plain {
            family: "bert",
            tensors: &tensors,
            expands: true,
            attends: true,
        };
        let Some(encoder) = encoder(dir.path(), WeightFormat::F32) else {
            return;
        };
        let found = least_cosine(&encoder, &plain);
        assert!(found >= 0.9999, "{layout}: {found}");
    }
}

/// The same tokens, wherever a folder says it.
#[test]
fn layouts_become_the_same_settings() {
    let settings = LAYOUTS.map(|layout| {
        let dir = tempfile::tempdir().unwrap();
        write_folder(dir.path(), "bert", layout, true);
        assert!(is_encoder(dir.path()));
        let (_place, record) = import(dir.path(), WeightFormat::F32);
        assert_eq!(record.dim, DIM);
        assert_eq!(record.pooling, Pooling::Mean);
        assert_eq!(
            (record.query_prompt, record.document_prompt),
            Default::default()
        );
        record.late_interaction.unwrap()
    });
    let [first, rest @ ..] = &settings;
    assert!(rest.iter().all(|other| other == first), "{settings:?}");
    assert_eq!(first.query_marker, Some(QUERY));
    assert_eq!(first.skipped_tokens, [STOP, COMMA]);
    assert_eq!(first.max_document_tokens, DOCUMENT_TOKENS);
}

#[test]
fn settings_that_are_missing_are_those_of_the_program_that_wrote_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    write_folder(dir.path(), "bert", "pylate", true);
    write_json(dir.path(), PROMPTS, &json!({"model_type": "ColBERT"}));
    let (_place, record) = import(dir.path(), WeightFormat::F32);
    let late = record.late_interaction.unwrap();
    assert_eq!(
        (late.query_marker, late.document_marker),
        (Some(QUERY), Some(DOCUMENT))
    );
    // The model has 24 places.
    assert_eq!((late.max_query_tokens, late.max_document_tokens), (24, 24));
    let expansion = late.expansion.unwrap();
    assert_eq!((expansion.token, expansion.len_tokens), (MASK, 24));
    assert!(!expansion.is_attended);
    assert_eq!(late.skipped_tokens, [STOP, COMMA]);
    // Text behind a marker stays a prompt.
    let prompts =
        json!({"model_type": "ColBERT", "prompts": {"query": "[Q] w4: ", "document": "w5 "}});
    write_json(dir.path(), PROMPTS, &prompts);
    let (_place, record) = import(dir.path(), WeightFormat::F32);
    assert_eq!(record.query_prompt, "w4: ");
    assert_eq!(record.document_prompt, "w5 ");
}

/// Ranges belong to the tokens that are compared.
#[test]
fn tokens_have_places_in_a_document() {
    let dir = tempfile::tempdir().unwrap();
    write_folder(dir.path(), "bert", "pylate", true);
    let Some(encoder) = encoder(dir.path(), WeightFormat::F32) else {
        return;
    };
    let text = "w4 , w30 . w7";
    let ranges = encoder.token_ranges(text, 99).unwrap().unwrap();
    let places: Vec<&str> = ranges.iter().map(|range| &text[range.clone()]).collect();
    assert_eq!(places, ["", "", "w4", "w30", "w7", ""]);
    let count = Mutex::new(0);
    let each = |_, tokens: crate::TokenVectors<'_>| *count.lock() = tokens.tokens.len();
    encoder
        .encode_tokens(&[text], 99, &mut |_, _| Ok(()), &each)
        .unwrap();
    assert_eq!(count.into_inner(), places.len());
}

/// Other settings are another encoder.
#[test]
fn what_is_read_is_part_of_the_fingerprint() {
    let mut fingerprints = Vec::new();
    for words in [json!(["."]), json!(["."]), json!([".", ","])] {
        let dir = tempfile::tempdir().unwrap();
        write_folder(dir.path(), "bert", "pylate", true);
        change(dir.path(), PROMPTS, "skiplist_words", words);
        let Some(encoder) = encoder(dir.path(), WeightFormat::Int8) else {
            return;
        };
        fingerprints.push(encoder.fingerprint().to_owned());
    }
    assert_eq!(fingerprints[0], fingerprints[1]);
    assert_ne!(fingerprints[0], fingerprints[2]);
}
