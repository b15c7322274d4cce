//! Long texts that are large or broken: each is built, found, and told the place of what answers.

use std::path::Path;
use std::sync::Arc;

use crate::support::encoder::HashingEncoder;
use zerogr::{
    Document, EncoderSource, Hit, Index, IndexOptions, Mode, PassageParams, SearchOptions,
    VerifyLevel, check,
};

/// So that a few kilobytes are many passages.
const SMALL: PassageParams = PassageParams {
    whole_tokens: 40,
    max_tokens: 20,
};

const MODES: [Mode; 5] = [
    Mode::Planned,
    Mode::Generative,
    Mode::Lexical,
    Mode::Dense,
    Mode::Fusion,
];

/// What stands once in each text.
const ANSWER: &str = "The zircon answers a sextant.";

fn built(path: &Path, size: PassageParams, odd: &Document) -> Index {
    let encoder = HashingEncoder::named("hashing-odd-texts");
    let options = IndexOptions::with_encoder(EncoderSource::Custom(Arc::new(encoder)));
    let index = Index::create(path, options.passages(Some(size)).file_seed(3)).unwrap();
    let mut writer = index.writer().unwrap();
    writer.add(odd.clone()).unwrap();
    for (id, text) in [("fish", "Salmon swim upstream."), ("sky", "Stars shine.")] {
        writer.add(Document::new(id).text(text)).unwrap();
    }
    let report = writer.commit().unwrap();
    assert_eq!(report.passages as u64, index.snapshot().passage_count());
    index
}

/// The places of a hit are in the text, apart, and the same in characters.
fn assert_places(hit: &Hit, text: &str) {
    let mut places: Vec<_> = hit.passages.iter().collect();
    places.sort_by_key(|place| place.bytes.start);
    let (mut at_bytes, mut at_chars) = (0, 0);
    for place in places {
        at_chars += text[at_bytes..place.bytes.start].chars().count();
        assert_eq!(place.chars.start, at_chars);
        at_chars += text[place.bytes.clone()].chars().count();
        assert_eq!(place.chars.end, at_chars);
        at_bytes = place.bytes.end;
    }
}

/// Builds an index of a document that has [`ANSWER`] in it, searches it in every mode and checks it;
/// returns the headings above the answer.
fn assert_found(odd: Document, size: PassageParams, least_passages: u64) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let index = built(&path, size, &odd);
    let passages = index.snapshot().passage_count() - 2;
    assert!(passages >= least_passages, "{passages} passages");
    let mut headings = Vec::new();
    for mode in MODES {
        let all = SearchOptions::new()
            .mode(mode)
            .passages_per_document(passages as usize);
        let result = index.search("zircon sextant answers", &all).unwrap();
        let hit = result.hits.iter().find(|hit| hit.id == odd.id).unwrap();
        if matches!(mode, Mode::Planned | Mode::Lexical) {
            assert_eq!(hit, &result.hits[0], "{mode:?}");
        }
        assert_places(hit, &odd.text);
        // Docids alone, which are hashed words here, need not lead to the place.
        if mode != Mode::Generative {
            let best = &hit.passages[0];
            let found = &odd.text[best.bytes.clone()];
            assert!(found.contains("zircon"), "{mode:?}: {best:?}");
            headings = best.headings.clone();
            let snippet = result
                .snapshot()
                .snippet(hit, "zircon", &Default::default());
            let snippet = snippet.unwrap();
            assert_eq!(snippet.text, odd.text[snippet.bytes.clone()]);
            assert!(snippet.text.contains("zircon"), "{mode:?}: {snippet:?}");
        }
        let fish = index.search("salmon", &all).unwrap().hits;
        assert_eq!(fish[0].id, "fish", "{mode:?}");
    }
    drop(index);
    assert!(check(&path, VerifyLevel::Full).unwrap().is_ok());
    headings
}

#[test]
fn a_fence_that_does_not_end() {
    let code = "let value = other;\n# no heading\n".repeat(60);
    // A quotation ends with its last line, and the fence in it too.
    for (fence, heading) in [
        ("```", "Code"),
        ("~~~rust", "Code"),
        ("> ```", "no heading"),
    ] {
        let text = format!("# Code\n\nBefore.\n\n{fence}\n{code}{ANSWER}\n{code}");
        let odd = Document::new("code.md").text(text);
        assert_eq!(assert_found(odd, SMALL, 20), [heading], "{fence}");
    }
}

#[test]
fn a_line_without_spaces() {
    let line = "x".repeat(5_000_000);
    let odd = Document::new("line").text(format!("{line}\n{ANSWER}"));
    assert_found(odd, PassageParams::default(), 400);
    let line = "é,".repeat(20_000);
    let odd = Document::new("line").text(format!("{line}\n{ANSWER}\n{line}"));
    assert_found(odd, SMALL, 1000);
}

#[test]
fn bytes_of_nothing() {
    let nothing = "\0 word\0\n\0\n\n".repeat(200);
    let text = format!(
        "# a\0b\n\n{nothing}{ANSWER}\0\n\n{nothing}{}",
        "\0".repeat(10_000)
    );
    assert_found(Document::new("nul.md").text(text.clone()), SMALL, 20);
    assert_found(Document::new("nul").text(text), SMALL, 20);
}

#[test]
fn mixed_line_ends() {
    let lines = "first words.\r\n\r\n- item\r- other item\n\r\n```\rcode\r\n```\n\r".repeat(60);
    let text = format!("# One\r\r{lines}## Two\r\n\rMore.\n\r{ANSWER}\r{lines}");
    let odd = Document::new("lines.md").text(text);
    assert_eq!(assert_found(odd, SMALL, 20), ["One", "Two"]);
}

#[test]
fn one_word_a_million_times() {
    let word = "word ".repeat(500_000);
    let odd = Document::new("words").text(format!("{word}\n\n{ANSWER}\n\n{word}"));
    assert_found(odd, PassageParams::default(), 5000);
}

#[test]
fn thousands_of_headings() {
    let section = |number: usize| {
        let text = "Some plain words that say nothing at all to anybody here.";
        format!("## Number {number}\n\n{text}\n\n")
    };
    let before: String = (0..2000).map(section).collect();
    let after: String = (2000..3000).map(section).collect();
    let text = format!("# All\n\n{before}## Answers\n\n{ANSWER}\n\n{after}");
    let odd = Document::new("headings.md").text(text);
    let headings = assert_found(odd, SMALL, 1000);
    assert_eq!(headings.first().map(String::as_str), Some("All"));
    let bare = format!("{}\n{ANSWER}\n", "#\n".repeat(5000));
    assert_found(Document::new("bare.md").text(bare), SMALL, 1);
}
