//! Files that are damaged, foreign, newer, or written by someone who gets a rule wrong. Each gives
//! the expected kind of error, or the expected older state, and the second reader says the same.

use crate::by_hand::{ByHand, newest_superblock, with_record, with_section};
use crate::contents::open;
use crate::contents::{assert_same, contents};
use crate::indexes::GOLDENS;
use crate::support::encoder::HashingEncoder;
use crate::support::repository::repository;
use crate::support::second_reader::{exit_status, read_py};
use serde_json::{Map, Value, json};
use zerogr::raw::columns::{CsrBuilder, StringsBuilder};
use zerogr::raw::docs::{PayloadBuilder, sections as documents};
use zerogr::raw::format::{BlobPlace, ExtentKind, SectionInput, SectionKind, checksum};
use zerogr::raw::lexicon::sections as lexicon;
use zerogr::raw::trie::{TokenWidth, build_trie, sections};
use zerogr::{ErrorKind, Result};

/// What happens to a file: the generation that is found, or the error.
type Outcome = std::result::Result<u64, ErrorKind>;

use ErrorKind::{Corrupt, NotAnIndex, UnsupportedVersion};

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(repository("tests/golden").join(format!("{name}.zgr"))).unwrap()
}

const WORDS: HashingEncoder = GOLDENS[2].encoder;

/// Opens the index and reads every document and blob in it.
fn read(bytes: &[u8]) -> Result<u64> {
    let index = open(bytes, WORDS)?;
    let stored = index.stored();
    let manifest = stored.manifest();
    for blob in &manifest.blobs {
        if matches!(blob.place, BlobPlace::Embedded(_)) {
            stored.blob(blob)?;
        }
    }
    for (id, _) in index.snapshot().dense(&[0.0; 8], usize::MAX)? {
        index.snapshot().document(&id)?;
    }
    Ok(manifest.generation)
}

#[track_caller]
pub fn expect(name: &str, bytes: &[u8], expected: Outcome) {
    let found = read(bytes);
    let kind = found.as_ref().map_err(zerogr::Error::kind).copied();
    assert_eq!(kind, expected, "{name}: {found:?}");
    match (read_py(bytes), expected) {
        (Ok(found), Ok(generation)) => {
            assert_eq!(found["generation"], generation, "{name}");
            assert_same(&found, &contents(bytes), 0.0, name);
        }
        (found, Err(kind)) => {
            let (status, message) = found.map(drop).expect_err(name);
            assert_eq!(status, exit_status(kind), "{name}: {message}");
            assert!(!message.contains("Traceback"), "{name}: {message}");
        }
        (found, expected) => panic!("{name}: {found:?}, expected {expected:?}"),
    }
}

/// Says no to what only the second reader checks, because it reads everything.
#[track_caller]
pub fn expect_strict(name: &str, bytes: &[u8]) {
    let (status, message) = read_py(bytes).map(drop).expect_err(name);
    assert_eq!(status, 1, "{name}: {message}");
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 0x10;
    bytes
}

/// The file of three segments, whose newest commit is generation 5.
const NEWEST: u64 = 5;

fn base() -> (Vec<u8>, usize) {
    let bytes = golden("segments");
    let (slot, superblock) = newest_superblock(&bytes);
    assert_eq!(superblock.generation, NEWEST);
    (bytes, slot * 4096)
}

#[test]
fn files_that_are_cut_short() {
    // ZF-FH-02, ZF-OP-05, ZF-OP-06
    let (bytes, _) = base();
    expect("whole", &bytes, Ok(NEWEST));
    expect("empty", &[], Err(NotAnIndex));
    expect("only slots", &bytes[..8192], Err(NotAnIndex));
    expect("no extents", &bytes[..12_288], Err(Corrupt));
    expect(
        "without its last byte",
        &bytes[..bytes.len() - 1],
        Ok(NEWEST - 1),
    );
    expect(
        "half of the newest commit",
        &bytes[..bytes.len() - 4096],
        Ok(NEWEST - 1),
    );
    let mut tail = bytes.clone();
    tail.extend_from_slice(&[0xAA; 5000]);
    expect("with a dead tail", &tail, Ok(NEWEST)); // ZF-FL-03
}

#[test]
fn foreign_files() {
    // ZF-FH-02
    let text = "a text that is long enough to be read as an index. ".repeat(400);
    expect("text", text.as_bytes(), Err(NotAnIndex));
    expect("zero", &[0; 20_480], Err(NotAnIndex));
}

#[test]
fn damaged_headers() {
    // ZF-FH-02, ZF-FH-03, ZF-FH-04, ZF-VE-01
    let (bytes, _) = base();
    expect("magic", &flipped(&bytes, 8192), Err(Corrupt));
    expect("identity", &flipped(&bytes, 8192 + 16), Err(Corrupt));
    let newer = with_record(&bytes, 8192, |header| header[10] = 2);
    expect("newer minor version", &newer, Err(UnsupportedVersion));
    let newer = with_record(&bytes, 8192, |header| header[8] = 1);
    expect("newer major version", &newer, Err(UnsupportedVersion));
    let other = with_record(&bytes, 8192, |header| header[16] ^= 1);
    expect("identity of another file", &other, Err(Corrupt)); // ZF-OP-02
}

#[test]
fn damaged_superblocks() {
    // ZF-OP-02, ZF-OP-03, ZF-OP-05, ZF-OP-06
    let (bytes, slot) = base();
    let torn = flipped(&bytes, slot + 30);
    expect("the newest", &torn, Ok(NEWEST - 1));
    let older = 4096 - slot;
    expect("the older", &flipped(&bytes, older + 30), Ok(NEWEST));
    expect("both", &flipped(&torn, older + 30), Err(Corrupt));
    let other = with_record(&bytes, slot, |record| record[64] ^= 1);
    expect("of another file", &other, Ok(NEWEST - 1));
    let mut erased = bytes.clone();
    erased[slot..slot + 256].fill(0);
    expect("erased", &erased, Ok(NEWEST - 1)); // ZF-SB-03
}

#[test]
fn superblocks_of_newer_writers() {
    // ZF-OP-04, ZF-VE-01, ZF-VE-03, ZF-SB-05, ZF-CM-02
    let (bytes, slot) = base();
    let changed = |at: usize| with_record(&bytes, slot, |record| record[at] ^= 2);
    expect("newer version", &changed(8), Err(UnsupportedVersion));
    expect("req_read", &changed(80), Err(UnsupportedVersion));
    expect("opt", &changed(96), Ok(NEWEST));
    expect("req_write", &changed(88), Ok(NEWEST));
    let read_only = open(&changed(88), WORDS).unwrap();
    assert_eq!(read_only.writer().unwrap_err().kind(), UnsupportedVersion);
}

#[test]
fn superblocks_that_break_a_rule() {
    // ZF-SB-04, ZF-MF-02
    let (bytes, slot) = base();
    for (name, at, value) in [
        ("committed_end", 24, bytes.len() as u64 + 4096),
        ("committed_end", 24, 4097),
        ("manifest_off", 32, 8192),
        ("manifest_off", 32, u64::MAX - 4095),
        ("manifest_len", 40, 0),
        ("manifest_len", 40, 1 << 40),
        ("manifest_crc", 48, 0),
        ("commit_nonce", 56, 0),
        ("generation", 16, NEWEST + 1),
    ] {
        let len = if name == "manifest_crc" { 4 } else { 8 };
        let changed = with_record(&bytes, slot, |record| {
            record[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
        });
        expect(name, &changed, Ok(NEWEST - 1));
    }
}

#[test]
fn a_superseded_file_still_holds_its_state() {
    // ZF-VA-03, ZF-OP-03, ZF-CP-02: both slots name one state, one of them with the flag.
    let (bytes, slot) = base();
    let mut both = bytes.clone();
    both.copy_within(slot..slot + 256, 4096 - slot);
    expect("the same record twice", &both, Ok(NEWEST));
    let marked = with_record(&both, 4096 - slot, |record| record[12] |= 1);
    assert_eq!(read(&marked).unwrap(), NEWEST);
    let found = read_py(&marked).unwrap();
    assert_eq!(found["superseded"], true);
    assert_eq!(found["documents"], contents(&bytes)["documents"]);
}

#[test]
fn damaged_manifests() {
    // ZF-OP-05, ZF-EX-04
    let (bytes, slot) = base();
    let manifest_off = |at: usize| {
        let field = bytes[at + 32..at + 40].try_into().unwrap();
        u64::from_le_bytes(field) as usize
    };
    let newest = flipped(&bytes, manifest_off(slot) + 200);
    expect("the newest", &newest, Ok(NEWEST - 1));
    let both = flipped(&newest, manifest_off(4096 - slot) + 200);
    expect("both", &both, Err(Corrupt));
}

#[test]
fn damaged_extents() {
    // ZF-EX-03, ZF-EX-04, ZF-EX-09, ZF-OP-07
    let (bytes, _) = base();
    let by_hand = ByHand::on(&bytes);
    let segment = by_hand.manifest.segments[1].segment.off_bytes as usize;
    let entries = bytes[segment + 64..].chunks(64).take(10);
    for (number, entry) in entries.enumerate() {
        let off = u64::from_le_bytes(entry[8..16].try_into().unwrap()) as usize;
        let name = format!("section {number}");
        expect(&name, &flipped(&bytes, segment + off), Err(Corrupt));
        let name = format!("table entry {number}");
        expect(
            &name,
            &flipped(&bytes, segment + 64 + 64 * number),
            Err(Corrupt),
        );
    }
    expect("header", &flipped(&bytes, segment + 8), Err(Corrupt));
    let heads = by_hand.manifest.segments[0].heads.unwrap().off_bytes as usize;
    expect("heads", &flipped(&bytes, heads + 320), Err(Corrupt));
    let tombstones = by_hand.manifest.segments[0].tombstones.unwrap().off_bytes as usize;
    expect(
        "tombstones",
        &flipped(&bytes, tombstones + 128),
        Err(Corrupt),
    );
    let len = by_hand.manifest.segments[1].segment.len_bytes as usize;
    // Padding and footer are for those who verify everything.
    expect_strict("footer", &flipped(&bytes, segment + len - 1)); // ZF-EX-12
    expect_strict("padding", &flipped(&bytes, segment + len - 33)); // ZF-CV-03
}

#[test]
fn extents_in_the_place_of_others() {
    // ZF-EX-02, ZF-EX-03, ZF-MF-05
    let (bytes, _) = base();
    let mut by_hand = ByHand::on(&bytes);
    by_hand.manifest.segments[0].segment.nonce ^= 1;
    expect("another nonce", &by_hand.commit(), Err(Corrupt));
    let mut by_hand = ByHand::on(&bytes);
    let entry = &mut by_hand.manifest.segments[0];
    (entry.segment, entry.heads) = (entry.heads.unwrap(), Some(entry.segment));
    expect("heads for a segment", &by_hand.commit(), Err(Corrupt));
    // ZF-MF-09: such a manifest is passed over.
    let mut by_hand = ByHand::on(&bytes);
    by_hand.manifest.segments[0].heads = by_hand.manifest.segments[1].heads;
    expect("heads of two", &by_hand.commit(), Ok(NEWEST));
    let mut by_hand = ByHand::on(&bytes);
    by_hand.manifest.segments[0].segment.len_bytes += 4096;
    expect("a part of two", &by_hand.commit(), Ok(NEWEST));
    let mut by_hand = ByHand::on(&bytes);
    by_hand.manifest.segments[0].heads = None;
    expect("no heads", &by_hand.commit(), Err(Corrupt));
    let mut by_hand = ByHand::on(&bytes);
    by_hand.manifest.segments[0].segment.off_bytes = 1 << 40;
    expect("outside the commit", &by_hand.commit(), Ok(NEWEST)); // ZF-OP-05
}

#[test]
fn sections_of_newer_writers() {
    // ZF-EX-10, ZF-EX-13, ZF-MF-01, ZF-VE-02
    let (bytes, _) = base();
    let unknown = |kind| SectionInput::new(SectionKind(kind), 3, b"new".to_vec());
    let optional = with_section(&bytes, SectionKind(0x8F00), |_| Some(unknown(0x8F00)));
    expect("optional", &optional, Ok(NEWEST + 1));
    let copy_safe = with_section(&bytes, SectionKind(0xCF00), |_| Some(unknown(0xCF00)));
    expect("optional and copy-safe", &copy_safe, Ok(NEWEST + 1));
    let required = with_section(&bytes, SectionKind(0x0F00), |_| Some(unknown(0x0F00)));
    expect("required", &required, Err(UnsupportedVersion));
    for (kind, expected) in [(0x8006, Ok(NEWEST + 1)), (6, Err(UnsupportedVersion))] {
        let mut by_hand = ByHand::on(&bytes);
        by_hand.manifest_sections.push(unknown(kind));
        expect("in the manifest", &by_hand.commit(), expected);
    }
    for part in [ExtentKind::Heads, ExtentKind::Tombstones] {
        let mut by_hand = ByHand::on(&bytes);
        let entry = by_hand.manifest.segments[0].clone();
        let is_heads = part == ExtentKind::Heads;
        let reference = if is_heads {
            entry.heads
        } else {
            entry.tombstones
        };
        let mut all = by_hand.sections(&reference.unwrap());
        all.push(unknown(0x0F00));
        let reference = Some(by_hand.append(part, &all));
        let entry = &mut by_hand.manifest.segments[0];
        if is_heads {
            entry.heads = reference;
        } else {
            entry.tombstones = reference;
        }
        expect("another extent", &by_hand.commit(), Err(UnsupportedVersion));
    }
    for kind in [
        sections::TRIE,
        sections::DOCUMENT_VECTORS,
        documents::PAYLOADS,
    ] {
        let changed = with_section(&bytes, kind, |section| {
            section.unwrap().encoding = 2;
            None
        });
        expect("another encoding", &changed, Err(UnsupportedVersion));
    }
}

#[test]
fn extents_of_newer_writers() {
    // ZF-EX-11
    let (bytes, _) = base();
    for at in [4, 6] {
        let mut by_hand = ByHand::on(&bytes);
        let reference = &mut by_hand.manifest.segments[0].segment;
        let start = reference.off_bytes as usize;
        let header = &mut by_hand.bytes[start..start + 64];
        header[at] = 99;
        reference.header_crc = checksum::crc32(&header[..60]);
        header[60..].copy_from_slice(&reference.header_crc.to_le_bytes());
        expect(
            "kind or version",
            &by_hand.commit(),
            Err(UnsupportedVersion),
        );
    }
}

/// The file with the first segment's section replaced.
fn replaced(kind: SectionKind, body: Vec<u8>) -> Vec<u8> {
    with_section(&base().0, kind, |section| {
        section.unwrap().bytes = body.into();
        None
    })
}

fn body(kind: SectionKind) -> Vec<u8> {
    let by_hand = ByHand::on(&base().0);
    let sections = by_hand.sections(&by_hand.manifest.segments[0].segment);
    let section = sections.into_iter().find(|section| section.kind == kind);
    section.unwrap().bytes.into_owned()
}

#[test]
fn damage_is_named_by_segment_and_section() {
    let (bytes, _) = base();
    let by_hand = ByHand::on(&bytes);
    let segment = &by_hand.manifest.segments[0];
    let extent = segment.segment.off_bytes as usize;
    let name = format!(", segment {}", segment.id);
    let missing = with_section(&bytes, sections::TRIE, |section| {
        section.unwrap().kind = SectionKind(0x8F00);
        None
    });
    let in_section = |section: &str| format!("{name}, section {section}: ");
    for (place, bytes) in [
        (
            in_section("postings"),
            replaced(sections::POSTINGS, vec![0; 7]),
        ),
        (
            in_section("docid texts"),
            replaced(sections::DOCID_TEXTS, vec![9; 8]),
        ),
        (in_section("trie"), missing),
        (format!("{name}: "), flipped(&bytes, extent + 20)),
    ] {
        let message = read(&bytes).unwrap_err().to_string();
        assert!(message.contains(&place), "{message}: not {place}");
        assert!(message.ends_with("or rebuild the index"), "{message}");
    }
}

#[test]
fn missing_and_cut_sections() {
    // ZF-SG-01, ZF-SG-11, ZF-CO-01, ZF-CO-02, ZF-CO-03, ZF-CO-04, ZF-CV-04, ZF-SG-05, ZF-HD-01
    let (bytes, _) = base();
    let by_hand = ByHand::on(&bytes);
    let all = by_hand.sections(&by_hand.manifest.segments[0].segment);
    for section in &all {
        let name = format!("{:#06x}", section.kind.0);
        let mut by_hand = ByHand::on(&bytes);
        let others: Vec<_> = all
            .iter()
            .filter(|other| other.kind != section.kind)
            .cloned()
            .collect();
        by_hand.manifest.segments[0].segment = by_hand.append(ExtentKind::Segment, &others);
        expect(&format!("without {name}"), &by_hand.commit(), Err(Corrupt));
        let len = section.bytes.len();
        for cut in [1, 2, 4, 8, 12, 24, len] {
            let cut = replaced(section.kind, section.bytes[..len - cut.min(len)].to_vec());
            let name = format!("cut {name}");
            // Postings of a term are looked at when it is asked for.
            if section.kind == lexicon::TERM_POSTINGS {
                expect_strict(&name, &cut);
            } else {
                expect(&name, &cut, Err(Corrupt));
            }
        }
    }
}

#[test]
fn lists_and_texts_that_break_a_rule() {
    // ZF-CO-01, ZF-CO-02, ZF-SG-04
    let mut postings = body(sections::POSTINGS);
    *postings.last_mut().unwrap() = 1;
    expect(
        "posting",
        &replaced(sections::POSTINGS, postings),
        Err(Corrupt),
    );
    let mut ids = body(documents::EXTERNAL_IDS);
    *ids.last_mut().unwrap() = 0xFF;
    expect(
        "not UTF-8",
        &replaced(documents::EXTERNAL_IDS, ids),
        Err(Corrupt),
    );
    let mut ids = body(documents::EXTERNAL_IDS);
    ids[8] = 0xFF;
    expect(
        "offset",
        &replaced(documents::EXTERNAL_IDS, ids),
        Err(Corrupt),
    );
    let same = StringsBuilder::from_iter(["same"; 12]).into_bytes();
    expect(
        "equal ids",
        &replaced(documents::EXTERNAL_IDS, same),
        Err(Corrupt),
    );
    let mut order = body(documents::EXTERNAL_ID_ORDER);
    order.rotate_left(4);
    expect(
        "order",
        &replaced(documents::EXTERNAL_ID_ORDER, order),
        Err(Corrupt),
    );
}

#[test]
fn lexicons_that_break_a_rule() {
    // ZF-SG-11, ZF-SG-12
    let postings = body(lexicon::TERM_POSTINGS);
    let changed = |at: usize, value: u8| {
        let mut postings = postings.clone();
        postings[at] = value;
        replaced(lexicon::TERM_POSTINGS, postings)
    };
    expect_strict("a term without documents", &changed(0, 0));
    expect_strict("more documents than there are", &changed(0, 100));
    expect_strict("a document outside the segment", &changed(1, 127));
    expect_strict("a varint without an end", &changed(1, 128));
    let longer = [postings.as_slice(), &[1, 1]].concat();
    expect_strict(
        "postings of no term",
        &replaced(lexicon::TERM_POSTINGS, longer),
    );
    let mut lengths = body(lexicon::DOCUMENT_LENGTHS);
    lengths[0] += 1;
    expect_strict(
        "a length that is not the sum of the counts",
        &replaced(lexicon::DOCUMENT_LENGTHS, lengths.clone()),
    );
    lengths.extend([0; 4]);
    expect(
        "lengths of more documents",
        &replaced(lexicon::DOCUMENT_LENGTHS, lengths),
        Err(Corrupt),
    );
}

#[test]
fn payloads_that_break_a_rule() {
    // ZF-SG-05, ZF-SG-06, ZF-SG-07, ZF-SG-08
    let changed = |at: usize| {
        let mut blocks = body(documents::PAYLOAD_BLOCKS);
        blocks[at] ^= 2;
        replaced(documents::PAYLOAD_BLOCKS, blocks)
    };
    expect("block's offset", &changed(7), Err(Corrupt));
    expect("stored length", &changed(11), Err(Corrupt));
    expect("unpacked length", &changed(12), Err(Corrupt));
    expect("codec", &changed(16), Err(UnsupportedVersion));
    expect("CRC of a block", &changed(20), Err(Corrupt));
    let mut index = body(documents::PAYLOAD_INDEX);
    index[0] = 1;
    expect(
        "block",
        &replaced(documents::PAYLOAD_INDEX, index),
        Err(Corrupt),
    );
    let of = |payload: &[u8]| {
        let mut builder = PayloadBuilder::default();
        (0..12).for_each(|_| builder.push(payload).unwrap());
        let built = builder.finish().unwrap();
        let mut by_hand = ByHand::on(&base().0);
        let mut all = by_hand.sections(&by_hand.manifest.segments[0].segment);
        for section in &mut all {
            match section.kind {
                documents::PAYLOAD_INDEX => section.bytes = built.index.clone().into(),
                documents::PAYLOAD_BLOCKS => section.bytes = built.blocks.clone().into(),
                documents::PAYLOADS => section.bytes = built.bytes.clone().into(),
                _ => {}
            }
        }
        by_hand.manifest.segments[0].segment = by_hand.append(ExtentKind::Segment, &all);
        by_hand.commit()
    };
    let other_kind = of(br#"{"id": "doc", "title": 3}"#);
    expect("JSON of another kind", &other_kind, Err(Corrupt));
    let without_id = of(br#"{"title": "Wings"}"#);
    expect("a payload without an id", &without_id, Err(Corrupt));
}

#[test]
fn tombstones_that_break_a_rule() {
    // ZF-TS-01, ZF-TS-02, ZF-MF-04
    let with = |bitmap: Vec<u8>, dead: u32| {
        let mut by_hand = ByHand::on(&base().0);
        let section = SectionInput::new(documents::TOMBSTONES, u64::from(dead), bitmap);
        let reference = by_hand.append(ExtentKind::Tombstones, &[section]);
        by_hand.manifest.segments[0].tombstones = Some(reference);
        by_hand.manifest.segments[0].dead_count = dead;
        by_hand.commit()
    };
    expect("good", &with(vec![0b0110_0000, 0], 2), Ok(NEWEST + 1));
    expect("too short", &with(vec![0b0110_0000], 2), Err(Corrupt));
    expect("too long", &with(vec![0b0110_0000, 0, 0], 2), Err(Corrupt));
    // Two live documents are "ice" now.
    expect_strict("a replaced document lives", &with(vec![0b0010_0000, 0], 1)); // ZF-SG-04
    expect_strict("a wrong count", &with(vec![0b0110_0000, 0], 3));
    expect(
        "more dead than there are",
        &with(vec![0xFF, 0xF], 13),
        Ok(NEWEST),
    );
}

#[test]
fn tries_that_break_a_rule() {
    // ZF-FS-01, ZF-TR-03, ZF-TR-04, ZF-SG-02
    let width = TokenWidth::for_vocabulary(50_000).unwrap();
    let trie = |count: u32| build_trie((0..count).map(|token| width.key(&[token]).unwrap()));
    let other = replaced(sections::TRIE, trie(35).unwrap());
    expect("another number of docids", &other, Err(Corrupt));
    let mut version = body(sections::TRIE);
    version[0] = 4;
    expect(
        "another version",
        &replaced(sections::TRIE, version),
        Err(Corrupt),
    );
    // As many docids, but others: the head does not fit them.
    expect_strict("other docids", &replaced(sections::TRIE, trie(36).unwrap()));
    let mut swapped = CsrBuilder::default();
    (0..12).for_each(|_| swapped.push_row([0, 1, 2]));
    let swapped = replaced(sections::DOCUMENT_DOCIDS, swapped.into_bytes().unwrap());
    expect_strict("docids of others", &swapped);
}

#[test]
fn heads_that_break_a_rule() {
    // ZF-HD-01, ZF-HD-02, ZF-HD-03
    let with = |kind: SectionKind, change: &dyn Fn(&mut Vec<u8>)| {
        let mut by_hand = ByHand::on(&golden("long"));
        let mut all = by_hand.sections(&by_hand.manifest.segments[0].heads.unwrap());
        let section = all.iter_mut().find(|section| section.kind == kind);
        change(section.unwrap().bytes.to_mut());
        by_hand.manifest.segments[0].heads = Some(by_hand.append(ExtentKind::Heads, &all));
        by_hand.commit()
    };
    let nodes = sections::HEAD_NODES;
    expect("order", &with(nodes, &|body| body[0] = 200), Err(Corrupt));
    expect("edges", &with(nodes, &|body| body[15] = 1), Err(Corrupt));
    expect("cut", &with(nodes, &|body| body.truncate(15)), Err(Corrupt));
    let vectors = sections::EDGE_VECTORS;
    expect(
        "vectors",
        &with(vectors, &|body| body.truncate(16)),
        Err(Corrupt),
    );
    let edges = sections::HEAD_EDGES;
    expect_strict("another token", &with(edges, &|body| body[0] ^= 1));
    expect_strict("another rank", &with(edges, &|body| body[4] ^= 1));
}

#[test]
fn manifests_that_break_a_rule() {
    // ZF-MF-04, ZF-MF-06, ZF-MF-08: passed over like a damaged one.
    let (bytes, _) = base();
    let mut by_hand = ByHand::on(&bytes);
    by_hand.manifest.segments[1].id = 0;
    expect("equal ids", &by_hand.commit(), Ok(NEWEST));
    let mut by_hand = ByHand::on(&bytes);
    by_hand.manifest.next_segment_id = 1;
    expect("id too high", &by_hand.commit(), Ok(NEWEST));
    let mut by_hand = ByHand::on(&bytes);
    by_hand.manifest.params = b"\xFF".to_vec();
    expect("parameters not UTF-8", &by_hand.commit(), Ok(NEWEST));
}

#[test]
fn parameters_of_another_version() {
    // ZF-PA-01
    let bytes = golden("trained");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut by_hand = ByHand::on(&bytes);
        let mut params = serde_json::from_slice(&by_hand.manifest.params).unwrap();
        change(&mut params);
        by_hand.manifest.params = params.to_string().into_bytes();
        by_hand.commit()
    };
    let generation = newest_superblock(&bytes).1.generation;
    expect("the same", &with(&|_| ()), Ok(generation + 1));
    let other = Err(UnsupportedVersion);
    expect("no object", &with(&|params| *params = json!([])), other);
    for key in [
        "/scale",
        "/lexicon",
        "/lexicon/analysis",
        "/encoder/max_model_tokens",
        "/search/token_share",
        "/training/learnt_documents",
        "/training/trie_head/examples",
    ] {
        let (parent, key) = key.rsplit_once('/').unwrap();
        let keys_of = |params: &mut Value, change: &dyn Fn(&mut Map<String, Value>)| {
            change(params.pointer_mut(parent).unwrap().as_object_mut().unwrap());
        };
        let without = with(&|params| keys_of(params, &|keys| drop(keys.remove(key).unwrap())));
        expect(&format!("without {key}"), &without, other);
        let beside = with(&|params| {
            keys_of(params, &|keys| drop(keys.insert("other".into(), 1.into())));
        });
        expect(&format!("another key beside {key}"), &beside, other);
    }
}

#[test]
fn damaged_blobs() {
    // ZF-BL-01, ZF-BL-02
    let bytes = golden("blobs");
    expect("whole", &bytes, Ok(4));
    let blob = ByHand::on(&bytes).manifest.blobs.len() - 1;
    let mut by_hand = ByHand::on(&bytes);
    by_hand.manifest.blobs[blob].len_bytes += 1;
    expect("length", &by_hand.commit(), Err(Corrupt));
    let mut by_hand = ByHand::on(&bytes);
    by_hand.manifest.blobs[blob].sha256[0] ^= 1;
    expect_strict("SHA-256", &by_hand.commit());
}

#[test]
fn tags_beside_the_payloads() {
    // ZF-SG-09, ZF-SG-10
    let bytes = golden("untrained");
    let with = |names: &[&str], ordinals: &[&[u32]]| {
        let mut lists = CsrBuilder::default();
        for row in ordinals {
            lists.push_row(row.iter().copied());
        }
        let mut by_hand = ByHand::on(&bytes);
        let mut all = by_hand.sections(&by_hand.manifest.segments[0].segment);
        all.retain(|section| {
            ![documents::TAG_NAMES, documents::TAG_DOCUMENTS].contains(&section.kind)
        });
        let count = names.len() as u64;
        let text = StringsBuilder::from_iter(names.iter().copied()).into_bytes();
        all.push(SectionInput::new(documents::TAG_NAMES, count, text));
        let lists = lists.into_bytes();
        all.push(SectionInput::new(
            documents::TAG_DOCUMENTS,
            count,
            lists.unwrap(),
        ));
        by_hand.manifest.segments[0].segment = by_hand.append(ExtentKind::Segment, &all);
        by_hand.commit()
    };
    expect("good", &with(&["2024", "draft"], &[&[7], &[7, 8]]), Ok(4));
    expect_strict("missing", &with(&["2024", "draft"], &[&[7], &[8]]));
    expect_strict("order", &with(&["draft", "2024"], &[&[7, 8], &[7]]));
}
