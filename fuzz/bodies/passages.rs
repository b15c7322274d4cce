//! Texts of any kind cut into passages: they cover the text in order, and none is too long.

use zerogr::raw::passages::{PassageSize, TextFormat, cut};

use super::Input;

/// Sizes at which there is something to cut in short inputs.
const MAX_TOKENS: usize = 96;

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn solid(text: &str) -> usize {
    text.chars()
        .filter(|one| !one.is_whitespace() && !one.is_control())
        .count()
}

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let format = match input.byte() % 3 {
        0 => TextFormat::Plain,
        1 => TextFormat::Markdown,
        _ => TextFormat::Source,
    };
    let size = PassageSize {
        whole_tokens: usize::from(input.byte()) % MAX_TOKENS,
        max_tokens: usize::from(input.byte()) % MAX_TOKENS,
    };
    let count = match input.byte() % 2 {
        0 => words,
        _ => solid,
    };
    let text = String::from_utf8_lossy(input.0);
    let mut counted_bytes = 0;
    let mut count_tokens = |part: &str| {
        counted_bytes += part.len();
        Ok(count(part))
    };
    let passages = cut(&text, format, size, &mut count_tokens).unwrap();
    assert!(counted_bytes <= 4 * text.len());
    if let [only] = passages.as_slice()
        && only.bytes == (0..text.len())
    {
        assert_eq!(only.chars, 0..text.chars().count());
        return;
    }
    let (mut at, mut at_chars) = (0, 0);
    for passage in &passages {
        let between = &text[at..passage.bytes.start];
        assert!(between.trim().is_empty());
        let inside = &text[passage.bytes.clone()];
        assert!(!inside.is_empty() && inside == inside.trim());
        let start_chars = at_chars + between.chars().count();
        at_chars = start_chars + inside.chars().count();
        assert_eq!(passage.chars, start_chars..at_chars);
        at = passage.bytes.end;
        // A single grapheme may have more.
        let is_long = count(inside) > size.max_tokens.max(1);
        assert!(!is_long || inside.len() <= zerogr::raw::passages::CHUNK_BYTES);
        assert!(passage.headings.len() <= 6);
        assert!(format == TextFormat::Markdown || passage.headings.is_empty());
    }
    assert!(text[at..].trim().is_empty());
}

pub fn seeds() -> Vec<Vec<u8>> {
    let guide = "---\ntitle: guide\n---\n# The *Guide* {#guide}\n\nTake it. Put it\nthere.\n\n```sh\n# no heading\n\
                 run\n```\n\n## Use\n\n- one\n  - two\n\n    three\n1. four\n\n> ## quoted\n> text\n\nOptions\n---\n\n\
                 | a | b |\n|---|---|\n| c | d |\n";
    let source = "use a;\n\n/// One.\nfn first() {\n\tlet a = 1;\n\n\tprint(a);\n}\nfn second() {\n    2\n}\n";
    let plain = "One two. Three four\nfive six.\n\nSeven, eight! Nine?\r\n\r\n1,2,3\rA,B,C\r";
    let foreign = "机器学习是人工智能。它研究算法！ไทย عربي ﷺ 👩\u{200d}👩 🇦🇹 e\u{301}\u{301}\u{2028}\u{85}\u{feff}";
    let (plain_kind, markdown, code) = (0, 1, 2);
    let texts = [
        (markdown, guide.to_owned()),
        (plain_kind, guide.to_owned()),
        (code, source.to_owned()),
        (markdown, source.to_owned()),
        (plain_kind, plain.to_owned()),
        (code, plain.to_owned()),
        (plain_kind, foreign.to_owned()),
        (markdown, foreign.repeat(9)),
        (markdown, "# Title\n\n~~~\ncode\n".repeat(9)),
        (markdown, guide.replace('\n', "\r")),
        (markdown, guide.replace('\n', "\r\n")),
        (plain_kind, "x".repeat(3000)),
        (plain_kind, "word ".repeat(600)),
        (markdown, "# a\n## b\n###### f\n".repeat(100)),
        (markdown, "#\n".repeat(500)),
        (markdown, "> ".repeat(700)),
        (markdown, "- ".repeat(100) + &"\n".repeat(100)),
        (markdown, "[a](<b".repeat(200)),
        (plain_kind, format!("a.{}", ")".repeat(900))),
        (plain_kind, format!("a{}", "\u{301}".repeat(900))),
        (code, "\0\u{1b} \0".repeat(300)),
        (plain_kind, String::new()),
    ];
    let sizes = [[8, 8, 0], [0, 0, 1], [0, 70, 0], [20, 12, 1]];
    texts
        .iter()
        .zip(sizes.iter().cycle())
        .map(|((format, text), size)| [&[*format], size.as_slice(), text.as_bytes()].concat())
        .collect()
}
