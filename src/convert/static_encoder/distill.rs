//! From an encoder to a table: Model2Vec's method.
//!
//! ```text
//!   every token, alone in a text ─► encoder ─► principal components ─► spread evened out
//!                                                                            │
//!                                  table ◄── × a / (a + p(token)) ◄──────────┘
//! ```
//!
//! `p` is Zipf's law over the numbers of tokens, which vocabularies give by frequency. The weight is
//! that of smooth inverse frequency (SIF); it is also what a token of a query counts where tokens are
//! compared. What is ours: a token is its own vector in its text, not the mean with the special ones,
//! and a direction of variance *v* is divided by *v* to the power .1, so that the few directions that
//! most tokens share count less (`benches/QUALITY.md`).
//!
//! Given texts, the table is learnt from what the encoder has of them ([`super::learn`]), and this is
//! where it begins.

use std::path::{Path, PathBuf};

use super::components::Components;
use super::learn::Lessons;
use super::table::{Table, parsed, special_tokens};
use crate::convert::ready::Ready;
use crate::model::language::WeightFormat;
use crate::model::runtime::cache;
use crate::model::{Encoder, EncoderFiles, EncoderOptions};
use crate::{Error, ErrorKind, Result};

/// The most values of a vector.
const MAX_DIM: usize = 256;
/// The same where they are learnt from texts.
const MAX_LEARNT_DIM: usize = 384;
/// The largest table: rows in 8 bits, with a scale and a weight each.
const MAX_TABLE_BYTES: usize = 16 << 20;
/// Bytes of a row's scale and of its weight.
const ROW_BYTES: usize = 8;
/// The least values of a vector that says something.
const MIN_DIM: usize = 32;
/// The coefficient of smooth inverse frequency.
const SIF: f64 = 3e-5;
/// A direction is divided by its variance to this power.
const EVENING: f64 = 0.1;
/// Number of the method in the name of the installed static encoder: another table has another one.
const METHOD: u32 = 1;

/// A static encoder that was made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct StaticEncoder {
    /// Tokens with a vector.
    pub tokens: usize,
    /// Values of a vector.
    pub dim: usize,
    /// Length of the table in bytes.
    pub table_bytes: usize,
}

/// Makes a static encoder of the encoder in the folder `source`, or of the installed one, in the new
/// folder `dir`. It takes a pass over the vocabulary. Prompts are left behind: their words would mean
/// the same in every text.
///
/// With `texts` it takes a pass over them too, and the table is learnt from their vectors. It is the
/// nearer to its teacher the more alike they are to what it will read; a few hundred help, thousands
/// help more (`benches/QUALITY.md`; [`LearningTexts`](crate::generate::LearningTexts) draws them from
/// documents). It takes 12 bytes of memory for each token and value then.
///
/// `progress` is called from this thread with (tokens and texts done, tokens and texts in all); its
/// error ends the call.
///
/// # Errors
///
/// [`ErrorKind::AlreadyExists`] when something is at `dir`; [`ErrorKind::InvalidInput`] for texts of
/// which none has a token; [`ErrorKind::Model`] for an encoder that is unusable, or has so many tokens
/// that no table of 16 MiB holds them; [`ErrorKind::Runtime`] and [`ErrorKind::Device`] as for any
/// encoder; [`ErrorKind::Io`] when `dir` cannot be written.
pub fn distill(
    source: Option<&Path>,
    texts: &[String],
    dir: &Path,
    options: &EncoderOptions,
    progress: &mut dyn FnMut(usize, usize) -> Result<()>,
) -> Result<StaticEncoder> {
    let ready = Ready::beside(dir)?;
    let files = match source {
        Some(source) => EncoderFiles::from_dir(source)?,
        None => EncoderFiles::installed()?,
    };
    let encoder = Encoder::from_files(&files, options)?;
    let tokens = encoder.tokenizer().vocab_size();
    let room = (MAX_TABLE_BYTES / tokens.max(1)).saturating_sub(ROW_BYTES);
    let most = match texts {
        [] => MAX_DIM,
        _ => MAX_LEARNT_DIM,
    };
    let dim = encoder.dim().min(most).min(room);
    if dim < MIN_DIM.min(encoder.dim()) {
        let message = format!(
            "the tokenizer has {tokens} tokens: a table of {MAX_TABLE_BYTES} bytes has no room for \
             vectors of {MIN_DIM} values"
        );
        return Err(Error::new(ErrorKind::Model, message));
    }
    let all = tokens + texts.len();
    let vectors = encoder.encode_vocabulary(&mut |done, _| progress(done, all))?;
    let rows = match texts {
        [] => weighted_components(&vectors, encoder.dim(), dim),
        texts => {
            let special = special_tokens(&parsed(&files.tokenizer)?);
            let mut lessons = lessons(&encoder, texts, &special, &mut |done| {
                progress(tokens + done, all)
            })?;
            learnt_rows(&mut lessons, &vectors, encoder.dim(), dim)
        }
    };
    let table = Table {
        rows,
        dim,
        weights: Some(sif_weights(tokens).map(|weight| weight as f32).collect()),
    };
    let lower_case = files.settings.lower_case;
    let table_bytes = table.write(
        ready.path(),
        &files.tokenizer,
        lower_case,
        WeightFormat::Int8,
    )?;
    ready.publish(dir)?;
    Ok(StaticEncoder {
        tokens,
        dim,
        table_bytes,
    })
}

/// The folder of the static encoder of the installed one, which is made the first time it is asked
/// for.
///
/// # Errors
///
/// As [`distill`], but for a folder that is there.
pub fn installed_static_encoder(
    options: &EncoderOptions,
    progress: &mut dyn FnMut(usize, usize) -> Result<()>,
) -> Result<PathBuf> {
    let teacher = cache::DEFAULT_ENCODER_SHA256.get(..8).unwrap_or_default();
    let name = format!("{}-static{METHOD}-{teacher}", cache::DEFAULT_MODEL);
    let dir = cache::model_dir(&name)?;
    if !dir.is_dir() {
        match distill(None, &[], &dir, options, progress) {
            // Another process was faster.
            Err(_) if dir.is_dir() => {}
            made => {
                made?;
            }
        }
    }
    Ok(dir)
}

/// `[tokens, dim]`: the first components of token vectors of `of` values, as long as their tokens
/// count.
fn weighted_components(vectors: &[f32], of: usize, dim: usize) -> Vec<f32> {
    let components = Components::new(vectors, of, dim);
    let factors = components.evening(EVENING);
    let rows = vectors.chunks_exact(of.max(1));
    let weights = sif_weights(rows.len());
    let mut table = Vec::with_capacity(rows.len().saturating_mul(dim));
    for (row, weight) in rows.zip(weights) {
        let values = components.project(row, &factors);
        table.extend(values.map(|value| (value * weight) as f32));
    }
    table
}

/// The texts that have tokens but `special` ones, and what the encoder makes of them.
fn lessons(
    encoder: &Encoder,
    texts: &[String],
    special: &[usize],
    progress: &mut dyn FnMut(usize) -> Result<()>,
) -> Result<Lessons> {
    let (mut read, mut tokens) = (Vec::new(), Vec::new());
    for text in texts {
        let mut own = encoder.text_tokens(text)?;
        own.retain(|&token| special.binary_search(&(token as usize)).is_err());
        if !own.is_empty() {
            read.push(text);
            tokens.push(own);
        }
    }
    if read.is_empty() {
        return Err(Error::invalid(
            "none of the texts to learn from has a token that the encoder knows",
        ));
    }
    let left_out = texts.len() - read.len();
    let vectors = encoder.encode(&read, usize::MAX, |done, _| progress(left_out + done))?;
    Ok(Lessons::new(&tokens, vectors, encoder.dim()))
}

/// `[tokens, dim]`: rows learnt from texts, which begin with token vectors of `of` values.
fn learnt_rows(lessons: &mut Lessons, vectors: &[f32], of: usize, dim: usize) -> Vec<f32> {
    let components = Components::new(vectors, of, of);
    let rows = vectors.chunks_exact(of.max(1));
    let weights = sif_weights(rows.len());
    let features: Vec<f32> = rows
        .zip(weights)
        .flat_map(|(row, weight)| {
            let distance = components.distance(row);
            distance.map(move |value| (value * weight) as f32)
        })
        .collect();
    let table = lessons.table(&features, &components.map(&components.evening(EVENING)));
    if dim == of {
        return table;
    }
    let of_texts = Components::new(&lessons.text_vectors(&table), of, dim);
    let rows = table.chunks_exact(of.max(1));
    let along = |row| of_texts.along(floats(row)).map(|value| value as f32);
    rows.flat_map(along).collect()
}

fn floats(row: &[f32]) -> impl Iterator<Item = f64> + Clone {
    row.iter().map(|&value| f64::from(value))
}

/// What each of `count` tokens counts, by its number.
fn sif_weights(count: usize) -> impl Iterator<Item = f64> {
    let inverse_rank = |token: usize| 1.0 / (token as f64 + 2.0);
    let total: f64 = (0..count).map(inverse_rank).sum();
    (0..count).map(move |token| SIF / (SIF + inverse_rank(token) / total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{dot, norm, normalise};

    #[test]
    fn later_tokens_count_more_and_none_more_than_one() {
        let weights: Vec<f64> = sif_weights(1000).collect();
        assert!(weights.is_sorted() && weights[0] > 0.0 && weights[999] < 1.0);
        let shares: f64 = (2..1002).map(|rank| 1.0 / f64::from(rank)).sum();
        let expected = SIF / (SIF + 0.5 / shares);
        assert!((weights[0] - expected).abs() < 1e-15);
    }

    #[test]
    fn the_table_keeps_what_tokens_differ_in() {
        // Three directions, of which the third is that of all tokens alike.
        let vectors: Vec<f32> = (0..64u8)
            .flat_map(|token| [f32::from(token % 2), f32::from(token / 32) * 0.1, 5.0])
            .collect();
        let table = weighted_components(&vectors, 3, 2);
        let row = |token: usize| &table[2 * token..2 * token + 2];
        let likeness = |a: &[f32], b: &[f32]| (a[0] * b[0] + a[1] * b[1]) / (norm(a) * norm(b));
        assert!(likeness(row(0), row(2)) > 0.999);
        assert!(likeness(row(0), row(1)) < 0.0, "they differ in the first");
        assert!(likeness(row(0), row(32)) < likeness(row(0), row(30)));
        assert!(norm(row(62)) > norm(row(32)), "later ones count more");
    }

    #[test]
    fn fewer_values_keep_what_the_texts_differ_in() {
        // Two directions of four, but for what the mean leaves.
        let vectors: Vec<f32> = (0..32u8)
            .flat_map(|token| {
                let (a, b) = (f32::from(token % 5) - 2.0, f32::from(token % 7) - 3.0);
                [a, b, a - b, 0.5 * a + b]
            })
            .collect();
        let texts: Vec<Vec<u32>> = (0..32).map(|at| vec![at, (at * 7 + 3) % 32]).collect();
        let learnt = |dim: usize| {
            let mut targets = vectors.clone();
            targets.chunks_exact_mut(4).for_each(|target| {
                normalise(target);
            });
            learnt_rows(&mut Lessons::new(&texts, targets, 4), &vectors, 4, dim)
        };
        let (all, fewer) = (learnt(4), learnt(2));
        let products = |rows: &[f32], dim: usize| -> Vec<f32> {
            let row = |at: usize| &rows[at * dim..(at + 1) * dim];
            (1..32).map(|at| dot(row(at), row(at - 1))).collect()
        };
        for (all, fewer) in products(&all, 4).iter().zip(products(&fewer, 2)) {
            assert!((all - fewer).abs() < 1e-3, "{all} {fewer}");
        }
    }
}
