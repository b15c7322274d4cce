//! The columns of fields: by the rules, and against them.

use crate::by_hand::{ByHand, with_section};
use crate::damage::{expect, expect_strict};
use crate::support::repository::repository;
use zerogr::ErrorKind::{Corrupt, UnsupportedVersion};
use zerogr::raw::docs::sections::{
    FIELD_COLUMNS, FIELD_DOCUMENTS, FIELD_KEYWORDS, FIELD_NAMES, FIELD_NUMBERS,
};
use zerogr::raw::format::{SectionInput, SectionKind};

const KINDS: [SectionKind; 5] = [
    FIELD_NAMES,
    FIELD_COLUMNS,
    FIELD_NUMBERS,
    FIELD_KEYWORDS,
    FIELD_DOCUMENTS,
];

fn base() -> Vec<u8> {
    std::fs::read(repository("tests/golden/fields.zgr")).unwrap()
}

fn sections(bytes: &[u8], segment: usize) -> Vec<SectionInput<'static>> {
    let by_hand = ByHand::on(bytes);
    by_hand.sections(&by_hand.manifest.segments[segment].segment)
}

/// The file with one byte of a section changed.
fn with_byte(kind: SectionKind, at: usize, change: impl Fn(u8) -> u8) -> Vec<u8> {
    with_section(&base(), kind, |section| {
        let bytes = section.unwrap().bytes.to_mut();
        bytes[at] = change(bytes[at]);
        None
    })
}

#[test]
fn columns_are_there_where_a_document_has_a_field() {
    // ZF-FD-04
    let found = |segment| {
        let all = sections(&base(), segment);
        let kinds = all.into_iter().map(|section| section.kind);
        kinds
            .filter(|kind| KINDS.contains(kind))
            .collect::<Vec<_>>()
    };
    assert_eq!(found(0), KINDS);
    assert_eq!(found(1), []);
    for kind in KINDS {
        let renamed = with_section(&base(), kind, |section| {
            section.unwrap().kind = SectionKind(0x8F00);
            None
        });
        expect("without a section", &renamed, Err(Corrupt));
        let other = with_section(&base(), kind, |section| {
            section.unwrap().encoding = 2;
            None
        });
        expect("another encoding", &other, Err(UnsupportedVersion));
    }
}

#[test]
fn columns_that_break_a_rule() {
    // ZF-FD-01, ZF-FD-02, ZF-FD-03
    for (name, bytes) in [
        ("a type that is none", with_byte(FIELD_COLUMNS, 0, |_| 9)),
        ("another type", with_byte(FIELD_COLUMNS, 0, |_| 2)),
        (
            "fewer values",
            with_byte(FIELD_COLUMNS, 4, |count| count - 1),
        ),
        (
            "more values",
            with_byte(FIELD_COLUMNS, 4, |count| count + 1),
        ),
        (
            "a time after the year 9999",
            with_byte(FIELD_NUMBERS, 7, |_| 0x7F),
        ),
        ("no text", with_byte(FIELD_KEYWORDS, 8 * 5, |_| 0xFF)),
        (
            "a document that is none",
            with_byte(FIELD_DOCUMENTS, 4 * 23, |_| 0xFF),
        ),
    ] {
        expect(name, &bytes, Err(Corrupt));
    }
}

#[test]
fn columns_say_what_payloads_say() {
    // ZF-FD-05
    for (name, bytes) in [
        ("another time", with_byte(FIELD_NUMBERS, 0, |byte| byte ^ 1)),
        (
            "another text",
            with_byte(FIELD_KEYWORDS, 8 * 5, |byte| byte ^ 1),
        ),
    ] {
        expect_strict(name, &bytes);
    }
}
