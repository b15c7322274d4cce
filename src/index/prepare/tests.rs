//! Encoding in chunks, and of equal texts.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

use super::super::support::corpus::empty;
use super::super::support::encoder::{Encoded, HashingEncoder, Intercepted};
use super::*;
use crate::decode::CancelToken;

const ENCODER: HashingEncoder = HashingEncoder {
    dim: 16,
    ..HashingEncoder::named("chunks")
};

struct Made {
    /// How many texts each call of the encoder was given.
    calls: Vec<usize>,
    vectors: Vec<f32>,
    lists: Vec<OwnedSignList>,
    /// Passages done, as they were reported.
    done: Vec<usize>,
}

/// Encodes documents until `cancel_at` are done.
fn encoded(documents: &[Document], cancel_at: usize) -> Result<Made> {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let seen = calls.clone();
    let encoder = Intercepted {
        encoder: ENCODER,
        intercept: move |encoded: Encoded<'_>| {
            if let Encoded::Texts(texts, _) = encoded {
                let distinct: HashSet<&&str> = texts.iter().collect();
                assert_eq!(distinct.len(), texts.len(), "a text comes twice in a call");
                seen.lock().push(texts.len());
            }
        },
    };
    let mut params = empty().snapshot().params().clone();
    params.encoder.dim = ENCODER.dim;
    params.encoder.token_vectors = true;
    let cancel = CancelToken::new();
    let mut done = Vec::new();
    let mut report = |progress: Progress| {
        assert_eq!(progress.total, documents.len());
        done.push(progress.done);
        if progress.done >= cancel_at {
            cancel.cancel();
        }
    };
    let (vectors, lists) = encode(
        documents.iter().map(Cow::Borrowed),
        documents.len(),
        &CheckedEncoder::new(Arc::new(encoder)),
        &params,
        &mut Watch::new(&mut report, &cancel),
    )?;
    let calls = calls.lock().clone();
    Ok(Made {
        calls,
        vectors,
        lists: lists.unwrap_or_default(),
        done,
    })
}

fn numbered(count: usize, different: usize) -> Vec<Document> {
    let document = |number: usize| {
        let text = format!("text {} of words", number % different);
        Document::new(number.to_string()).title("Title").text(text)
    };
    (0..count).map(document).collect()
}

#[test]
fn chunks_and_equal_texts_change_no_vector() {
    for (count, different, calls) in [
        (0, 1, vec![]),
        (500, 3, vec![3]),
        (CHUNK_TEXTS, CHUNK_TEXTS, vec![CHUNK_TEXTS]),
        (
            2 * CHUNK_TEXTS + 5,
            usize::MAX,
            vec![CHUNK_TEXTS, CHUNK_TEXTS, 5],
        ),
        // The first text comes again after the first chunk.
        (CHUNK_TEXTS + 1, CHUNK_TEXTS, vec![CHUNK_TEXTS, 1]),
    ] {
        let documents = numbered(count, different);
        let made = encoded(&documents, usize::MAX).unwrap();
        assert_eq!(made.calls, calls, "{count} of {different}");
        assert_eq!(made.vectors.len(), count * ENCODER.dim);
        assert_eq!(made.lists.len(), count);
        for ((document, vector), list) in documents
            .iter()
            .zip(made.vectors.chunks(ENCODER.dim))
            .zip(&made.lists)
        {
            let text = format!("Title {}", document.text);
            assert_eq!(vector, ENCODER.vector(&text, 256));
            let (tokens, values) = ENCODER.token_vectors(&text, 256);
            let tokens = crate::encode::TokenVectors::plain(&tokens, &values);
            let distinct = distinct_token_vectors(tokens, ENCODER.dim);
            assert_eq!(list, &OwnedSignList::of(&distinct, ENCODER.dim));
        }
        assert!(made.done.is_sorted());
        assert_eq!(
            made.done.last().copied().unwrap_or(0),
            count,
            "all are reported"
        );
    }
}

#[test]
fn a_chunk_is_cancelled_in_its_midst() {
    let documents = numbered(CHUNK_TEXTS + 100, usize::MAX);
    for at in [1, CHUNK_TEXTS + 50] {
        assert!(encoded(&documents, at).err().unwrap().is_cancelled());
    }
}
