//! The sections that say which passages documents have: by the rules, and against them.

use crate::by_hand::{ByHand, with_section};
use crate::damage::{expect, expect_strict};
use crate::support::repository::repository;
use zerogr::ErrorKind::{Corrupt, UnsupportedVersion};
use zerogr::VerifyLevel;
use zerogr::raw::columns::StringsBuilder;
use zerogr::raw::docs::sections::{DOCUMENT_PASSAGES, PASSAGE_HEADINGS, PASSAGE_PLACES};
use zerogr::raw::format::{SectionInput, SectionKind};

/// The first segment: a whole document, `guide.md` in eight passages, a whole one, eight again.
const FIRSTS: [u32; 5] = [0, 1, 9, 10, 18];

fn base() -> Vec<u8> {
    std::fs::read(repository("tests/golden/passages.zgr")).unwrap()
}

fn sections(bytes: &[u8], segment: usize) -> Vec<SectionInput<'static>> {
    let by_hand = ByHand::on(bytes);
    by_hand.sections(&by_hand.manifest.segments[segment].segment)
}

fn numbers(kind: SectionKind) -> Vec<u32> {
    let all = sections(&base(), 0);
    let section = all.iter().find(|section| section.kind == kind).unwrap();
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    section.bytes.chunks_exact(4).map(number).collect()
}

/// The file with a section of the first segment changed.
fn replaced(kind: SectionKind, body: Vec<u8>) -> Vec<u8> {
    with_section(&base(), kind, |section| {
        section.unwrap().bytes = body.into();
        None
    })
}

fn with_numbers(kind: SectionKind, numbers: &[u32]) -> Vec<u8> {
    replaced(
        kind,
        numbers.iter().flat_map(|one| one.to_le_bytes()).collect(),
    )
}

/// The file with one number of the places changed.
fn with_place(passage: usize, field: usize, change: impl Fn(u32) -> u32) -> Vec<u8> {
    let mut places = numbers(PASSAGE_PLACES);
    let place = &mut places[4 * passage + field];
    *place = change(*place);
    with_numbers(PASSAGE_PLACES, &places)
}

/// Whether a program that checks files finds something.
fn is_checked(bytes: &[u8]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    std::fs::write(&path, bytes).unwrap();
    zerogr::check(&path, VerifyLevel::Full).unwrap().is_ok()
}

#[test]
fn sections_of_passages_are_there_where_a_document_is_cut() {
    // ZF-PS-01
    let kinds = [DOCUMENT_PASSAGES, PASSAGE_PLACES, PASSAGE_HEADINGS];
    for (segment, expected) in [&kinds[..], &kinds[..2], &[]].into_iter().enumerate() {
        let all = sections(&base(), segment);
        let found = all.iter().map(|section| section.kind);
        let found: Vec<_> = found.filter(|kind| kinds.contains(kind)).collect();
        assert_eq!(found, expected);
    }
    assert_eq!(numbers(DOCUMENT_PASSAGES), FIRSTS);
    assert_eq!(numbers(PASSAGE_PLACES)[..4], [0, u32::MAX, 0, u32::MAX]);
    assert!(is_checked(&base()));
    for kind in [DOCUMENT_PASSAGES, PASSAGE_PLACES] {
        let renamed = with_section(&base(), kind, |section| {
            section.unwrap().kind = SectionKind(0x8F00);
            None
        });
        expect("without a section", &renamed, Err(Corrupt));
    }
    for kind in kinds {
        let other = with_section(&base(), kind, |section| {
            section.unwrap().encoding = 2;
            None
        });
        expect("another encoding", &other, Err(UnsupportedVersion));
    }
}

#[test]
fn numbers_of_passages_that_break_a_rule() {
    // ZF-PS-02, ZF-SG-01
    for (name, firsts) in [
        ("not from the first", &[1, 2, 9, 10, 18][..]),
        ("a document without a passage", &[0, 1, 1, 10, 18]),
        ("falling", &[0, 9, 1, 10, 18]),
        ("more passages than there are", &[0, 1, 9, 10, 19]),
        ("fewer", &[0, 1, 9, 10, 17]),
        ("of fewer documents", &[0, 1, 9, 18]),
        ("of more documents", &[0, 1, 9, 10, 17, 18]),
        ("none", &[]),
    ] {
        expect(name, &with_numbers(DOCUMENT_PASSAGES, firsts), Err(Corrupt));
    }
    let places = numbers(PASSAGE_PLACES);
    let fewer = with_numbers(PASSAGE_PLACES, &places[..68]);
    expect("fewer places", &fewer, Err(Corrupt));
    let odd = with_numbers(PASSAGE_PLACES, &places[..71]);
    expect("a part of a place", &odd, Err(Corrupt));
}

#[test]
fn places_that_break_a_rule() {
    // ZF-PS-03, ZF-PS-04
    expect(
        "a whole text that ends",
        &with_place(0, 1, |_| 5),
        Err(Corrupt),
    );
    expect(
        "one that starts late",
        &with_place(0, 2, |_| 1),
        Err(Corrupt),
    );
    for field in [0, 2] {
        let empty = with_place(3, field, |_| 200);
        expect("an empty place", &empty, Err(Corrupt));
        let overlap = with_place(3, field, |start| start - 10);
        expect("an overlap", &overlap, Err(Corrupt));
    }
    let mut places = numbers(PASSAGE_PLACES);
    places[4..8].copy_from_slice(&[0, u32::MAX, 0, u32::MAX]);
    let whole = with_numbers(PASSAGE_PLACES, &places);
    expect("a whole one among others", &whole, Err(Corrupt));
    // What only the texts tell is for those who check files.
    for (name, bytes) in [
        ("inside a character", with_place(1, 1, |_| 4)),
        ("behind the text", with_place(8, 1, |_| 4000)),
        ("other characters", with_place(4, 3, |end| end - 1)),
    ] {
        expect_strict(name, &bytes);
        assert!(!is_checked(&bytes), "{name}");
    }
    for passage in [4, 8] {
        let mut places = numbers(PASSAGE_PLACES);
        places[4 * passage + 1] -= 2;
        places[4 * passage + 3] -= 2;
        let bytes = with_numbers(PASSAGE_PLACES, &places);
        expect_strict("words in no passage", &bytes);
        assert!(!is_checked(&bytes), "passage {passage}");
    }
}

#[test]
fn headings_that_break_a_rule() {
    // ZF-PS-05
    let all = |change: &dyn Fn(&mut Vec<&str>)| {
        let mut paths = vec![""; 18];
        paths[1] = "Garten";
        change(&mut paths);
        replaced(
            PASSAGE_HEADINGS,
            StringsBuilder::from_iter(paths).into_bytes(),
        )
    };
    expect("others", &all(&|_| ()), Ok(6));
    expect("fewer", &all(&|paths| paths.truncate(17)), Err(Corrupt));
    expect_strict("of a whole text", &all(&|paths| paths[0] = "Note"));
    expect_strict("an empty one", &all(&|paths| paths[2] = "Garten\n"));
    expect_strict("none at all", &all(&|paths| paths[1] = ""));
}
