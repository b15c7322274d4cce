//! Indexes small enough to enumerate, one for every difficulty.

use super::{Corpus, Docid, Logits, PlainDocument};

/// A document with docids, alive.
fn alive(docids: &[&[u32]]) -> PlainDocument {
    PlainDocument {
        docids: docids.iter().map(|docid| docid.to_vec()).collect(),
        ..PlainDocument::default()
    }
}

fn deleted(docids: &[&[u32]]) -> PlainDocument {
    PlainDocument {
        is_deleted: true,
        ..alive(docids)
    }
}

fn filtered(docids: &[&[u32]]) -> PlainDocument {
    PlainDocument {
        is_filtered: true,
        ..alive(docids)
    }
}

/// One document per docid.
pub fn one_each(docids: &[&[u32]]) -> Vec<PlainDocument> {
    docids.iter().map(|docid| alive(&[docid])).collect()
}

/// Name and index.
pub fn shapes() -> Vec<(&'static str, Corpus)> {
    vec![
        (
            "shared prefixes",
            Corpus::new(vec![one_each(&[
                &[1, 1],
                &[1, 2],
                &[1, 3],
                &[2, 1],
                &[2, 2],
            ])]),
        ),
        (
            "docids that begin other docids, and unary chains",
            Corpus::new(vec![one_each(&[
                &[1],
                &[1, 2],
                &[1, 2, 3],
                &[2, 5, 5, 5, 5],
                &[3, 1, 1, 1],
                &[3, 1, 1, 2],
            ])]),
        ),
        (
            "docids of several documents, documents of several docids, two segments",
            Corpus::new(vec![
                vec![
                    alive(&[&[1, 1], &[2, 1]]),
                    alive(&[&[1, 1]]),
                    alive(&[&[1, 2]]),
                ],
                vec![alive(&[&[1, 1]]), alive(&[&[2, 1], &[2, 2], &[3]])],
            ]),
        ),
        (
            "deleted and filtered leaves, three segments",
            Corpus::new(vec![
                vec![alive(&[&[1, 1]]), deleted(&[&[1, 2]]), filtered(&[&[2, 1]])],
                vec![
                    alive(&[&[1, 2], &[2, 2]]),
                    deleted(&[&[3]]),
                    deleted(&[&[2, 1]]),
                ],
                vec![
                    alive(&[&[3, 4]]),
                    alive(&[&[3]]),
                    filtered(&[&[4]]),
                    filtered(&[&[3, 4]]),
                ],
            ]),
        ),
        (
            "four segments, one of them dead",
            Corpus::new(vec![
                one_each(&[&[5, 1], &[6]]),
                vec![deleted(&[&[5, 2]]), filtered(&[&[7]])],
                one_each(&[&[5, 1, 1], &[5, 3]]),
                one_each(&[&[5], &[8, 8, 8]]),
            ]),
        ),
    ]
}

/// Logits between -1.5 and 1.5 that look random and depend on the path.
pub fn plain_logits(prefix: &[u32], token: u32) -> f32 {
    let path = prefix.iter().chain([&token]);
    let hash = path.fold(17u32, |hash, &token| {
        (hash ^ token).wrapping_mul(0x9e37_79b1).rotate_left(13)
    });
    (hash % 1_000) as f32 / 333.0 - 1.5
}

/// Logits some of which leave little to the others, or have little.
pub fn odd_logits(prefix: &[u32], token: u32) -> f32 {
    match (prefix.len() as u32).wrapping_add(token.wrapping_mul(3)) % 7 {
        0 | 5 => -3.0,
        6 => 3.0,
        _ => plain_logits(prefix, token),
    }
}

pub const BOTH_LOGITS: [(&str, &Logits); 2] = [("plain", &plain_logits), ("odd", &odd_logits)];

/// The toy of the reference notes: a .8 {.6, .3, .1}, b .2 {.5, .5}.
pub fn toy() -> (Corpus, Box<Logits<'static>>) {
    let docids: [&[u32]; 5] = [&[1, 1], &[1, 2], &[1, 3], &[2, 1], &[2, 2]];
    let weight = |docid: &[u32]| match docid {
        [1] => 0.8f32,
        [2] => 0.2,
        [1, 1] => 0.6,
        [1, 2] => 0.3,
        [1, 3] => 0.1,
        // The certain first draw of the variant with one more docid.
        [9] => 100.0,
        _ => 0.5,
    };
    let logits = move |prefix: &[u32], token: u32| {
        let path: Docid = prefix.iter().copied().chain([token]).collect();
        weight(&path).ln()
    };
    (Corpus::new(vec![one_each(&docids)]), Box::new(logits))
}
