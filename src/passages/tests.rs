//! Whole texts: what is asked of every text, checked the slow way, and texts made to be bad.

mod bad_input;
mod examples;

use proptest::prelude::*;

use super::blocks::Block;
use super::*;

/// A counter of tokens, with the bytes it was given.
struct Counter {
    count: fn(&str) -> usize,
    bytes: usize,
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn chars(text: &str) -> usize {
    text.chars()
        .filter(|character| !character.is_whitespace())
        .count()
}

/// Nothing for control characters, the more for long words and for what is not ASCII.
fn uneven(text: &str) -> usize {
    let tokens = |word: &str| {
        let solid = word
            .chars()
            .filter(|one| one.is_ascii() && !one.is_control());
        let foreign = word.bytes().filter(|byte| !byte.is_ascii());
        solid.count().div_ceil(5) + foreign.count()
    };
    text.split_whitespace().map(tokens).sum()
}

impl Counter {
    fn new(count: fn(&str) -> usize) -> Self {
        Counter { count, bytes: 0 }
    }

    fn cut(&mut self, text: &str, format: TextFormat, size: PassageSize) -> Vec<Passage> {
        let count = self.count;
        let bytes = &mut self.bytes;
        let mut counter = |part: &str| {
            *bytes += part.len();
            Ok(count(part))
        };
        super::cut(text, format, size, &mut counter).unwrap()
    }
}

/// Cuts and checks all that is promised of any text.
fn checked(
    text: &str,
    format: TextFormat,
    size: PassageSize,
    count: fn(&str) -> usize,
) -> Vec<Passage> {
    let mut counter = Counter::new(count);
    let passages = counter.cut(text, format, size);
    let times = if size.max_tokens >= CHUNK_BYTES { 2 } else { 3 };
    let short_bytes = size.whole_tokens * MAX_BYTES_PER_WHOLE_TOKEN;
    let whole_bytes = if text.len() <= short_bytes {
        text.len()
    } else {
        0
    };
    assert!(
        counter.bytes <= times * text.len() + whole_bytes,
        "{} of {}",
        counter.bytes,
        text.len()
    );

    let is_whole =
        |passage: &Passage| passage.bytes == (0..text.len()) && passage.headings.is_empty();
    if text.len() <= short_bytes && count(text) <= size.whole_tokens {
        assert!(passages.len() == 1 && is_whole(&passages[0]));
    }
    if let [only] = passages.as_slice()
        && is_whole(only)
    {
        assert_eq!(only.chars, 0..text.chars().count());
        return passages;
    }
    let (mut at, mut at_chars) = (0, 0);
    for passage in &passages {
        let between = &text[at..passage.bytes.start];
        assert!(between.trim().is_empty(), "left out: {between:?}");
        let inside = &text[passage.bytes.clone()];
        assert!(!inside.is_empty() && inside == inside.trim(), "{inside:?}");
        at_chars += between.chars().count();
        let end_chars = at_chars + inside.chars().count();
        assert_eq!(passage.chars, at_chars..end_chars);
        (at, at_chars) = (passage.bytes.end, end_chars);
        let is_one_atom = || words::atoms(inside).count() == 1;
        assert!(
            count(inside) <= size.max_tokens.max(1) || is_one_atom(),
            "{inside:?}"
        );
        for heading in &passage.headings {
            assert!(!heading.is_empty() && heading.len() <= blocks::MAX_HEADING_BYTES);
        }
    }
    assert!(text[at..].trim().is_empty());
    passages
}

fn formats() -> impl Strategy<Value = TextFormat> {
    prop::sample::select(vec![
        TextFormat::Plain,
        TextFormat::Markdown,
        TextFormat::Source,
    ])
}

/// What texts are made of, with all that a reader of a format takes for a sign.
fn fragments() -> impl Strategy<Value = String> {
    let marks = [
        "\n",
        "\r\n",
        "\r",
        "\n\n",
        "\n\n\n",
        " ",
        "\t",
        "    ",
        "\u{a0}",
        "\u{2028}",
        "\0",
        "\u{1b}",
        "\u{feff}",
        "# ",
        "## ",
        "###### ",
        "#",
        "\n===\n",
        "\n---\n",
        "---\n",
        "+++\n",
        "```",
        "~~~\n",
        "```rust\n",
        "> ",
        "- ",
        "* ",
        "1. ",
        "12) ",
        "| a | b |\n",
        "|---|---|\n",
        "<div>\n",
        "<!--",
        "[a]: b\n",
        "[x](y)",
        "`",
        "**",
        "_",
        "\\",
        "&amp;",
        "{#id}",
        "}\n",
        "fn a() {\n",
        ".",
        ". ",
        "! ",
        "。",
        "?)",
        "…",
        "e\u{301}",
        "\u{301}",
        "👩‍👩‍👧",
        "🇦🇹",
        "机器学习",
        "ﷺ",
        "ไทย",
        "عربي",
        "a",
        "Word",
        "sentence. ",
        "Another one? ",
    ];
    prop_oneof![
        6 => prop::sample::select(marks.to_vec()).prop_map(str::to_owned),
        3 => "[a-zA-Z]{1,9} ",
        1 => "\\PC{0,4}",
        1 => ("\\PC", 1_usize..120).prop_map(|(one, times)| one.repeat(times)),
    ]
}

fn texts() -> impl Strategy<Value = String> {
    prop::collection::vec(fragments(), 0..60).prop_map(|fragments| fragments.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_text_is_cut_as_promised(
        text in texts(),
        format in formats(),
        whole_tokens in 0_usize..20,
        max_tokens in prop_oneof![0_usize..12, 60_usize..80],
        count in prop::sample::select(vec![words as fn(&str) -> usize, chars, uneven]),
    ) {
        let size = PassageSize { whole_tokens, max_tokens };
        let passages = checked(&text, format, size, count);
        prop_assert_eq!(Counter::new(count).cut(&text, format, size), passages);
    }

    #[test]
    fn a_line_ends_in_any_way(
        lines in prop::collection::vec("(# |- |    |```|> |[|]|---|===|[+]{3}|<!--|\\[a\\]: )?[a-z. ]{0,20}", 1..30),
        format in formats(),
    ) {
        let [lf, crlf, cr] = ["\n", "\r\n", "\r"].map(|end| {
            let text = lines.join(end);
            let structure = structure_of(&text, format);
            let line = |block: &Block| text[..block.start].matches(end).count();
            let blocks = structure.blocks.iter().map(|block| (line(block), block.strength, block.kind));
            let headings = structure.headings.into_iter().map(|heading| (heading.level, heading.text));
            (blocks.collect::<Vec<_>>(), headings.collect::<Vec<_>>())
        });
        prop_assert_eq!(&lf, &crlf);
        prop_assert_eq!(&lf, &cr);
    }
}
