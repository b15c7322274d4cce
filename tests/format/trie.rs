//! The transducer's bytes: the example of the specification, its checksum, and tries of many
//! shapes as both readers see them.

use crate::contents::{assert_same, contents};
use crate::support::encoder::HashingEncoder;
use crate::support::repository::repository;
use crate::support::second_reader::read_py;
use std::sync::Arc;
use zerogr::raw::store::MemoryBackend;
use zerogr::raw::trie::{TokenWidth, build_trie};
use zerogr::{Document, EncoderSource, Index, IndexOptions};

fn example() -> Vec<u8> {
    let width = TokenWidth::for_vocabulary(50_000).unwrap();
    let docids: [&[u32]; 3] = [&[1], &[2], &[2, 3]];
    build_trie(docids.map(|docid| width.key(docid).unwrap())).unwrap()
}

#[test]
fn the_example_of_the_specification() {
    // ZF-FS-01, ZF-FS-03, ZF-FS-05, ZF-FS-06, ZF-FS-09, ZF-FS-11, ZF-TR-01
    let text = std::fs::read_to_string(repository("format-spec/fst.md")).unwrap();
    let (_, listing) = text.rsplit_once("```text\n").unwrap();
    let (listing, _) = listing.split_once("```").unwrap();
    let mut bytes = Vec::new();
    for line in listing.lines() {
        let (at, rest) = line.trim_start().split_once("  ").unwrap_or(("", ""));
        let Ok(at) = at.parse::<usize>() else {
            continue;
        };
        assert_eq!(at, bytes.len(), "{line}");
        let (hex, _) = rest.split_once("   ").unwrap();
        let byte = |hex| u8::from_str_radix(hex, 16).unwrap();
        bytes.extend(hex.split_whitespace().map(byte));
    }
    assert_eq!(bytes, example());
}

#[test]
fn the_checksum_is_masked_crc_32c() {
    // ZF-FS-02
    let bytes = example();
    let (covered, stored) = bytes.split_at(bytes.len() - 4);
    let mut crc = u32::MAX;
    for &byte in covered {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0x82F6_3B78 } else { 0 };
        }
    }
    let masked = (!crc).rotate_right(15).wrapping_add(0xA282_EAD8);
    assert_eq!(stored, masked.to_le_bytes());
}

/// A sequence of numbers that looks random and is the same every time.
fn numbers(mut state: u64) -> impl Iterator<Item = u32> {
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
        (state >> 33) as u32
    })
}

#[test]
fn tries_of_many_shapes_are_read_alike() {
    // ZF-TR-01, ZF-TR-02, ZF-TR-03, ZF-FS-04, ZF-FS-05, ZF-FS-06, ZF-FS-07, ZF-FS-08, ZF-FS-09,
    // ZF-FS-10
    for (vocabulary_size, width, spread) in
        [(50_000, 2, 50_000), (200_000, 3, 200_000), (50_000, 2, 40)]
    {
        let encoder = HashingEncoder {
            dim: 2,
            vocabulary_size,
            has_token_vectors: false,
            ..HashingEncoder::DEFAULT
        };
        let backend = Arc::new(MemoryBackend::default());
        let options = IndexOptions::with_encoder(EncoderSource::Custom(Arc::new(encoder)));
        let index = Index::create_on(backend.clone(), options.file_seed(1)).unwrap();
        let mut writer = index.writer().unwrap();
        let mut random = numbers(spread as u64);
        let mut number = |below: u32| random.next().unwrap() % below;
        for id in 0..20 {
            let mut document = Document::new(id.to_string());
            for _ in 0..50 {
                let words: Vec<String> = (0..=number(6))
                    .map(|_| format!("#{}", number(spread)))
                    .collect();
                document = document.docid(words.join(" "));
            }
            writer.add(document).unwrap();
        }
        writer.commit().unwrap();
        let bytes = backend.to_vec();
        let found = read_py(&bytes).unwrap();
        assert_eq!(found["params"]["tokenizer"]["token_width_bytes"], width);
        assert_same(&found, &contents(&bytes), 0.0, "random docids");
    }
}
