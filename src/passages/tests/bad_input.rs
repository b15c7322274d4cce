//! Texts that are large or broken.

use super::*;

const SIZE: PassageSize = PassageSize {
    whole_tokens: 256,
    max_tokens: 180,
};

const FORMATS: [TextFormat; 3] = [TextFormat::Plain, TextFormat::Markdown, TextFormat::Source];

/// Cuts in every format.
fn all(text: &str) -> [Vec<Passage>; 3] {
    FORMATS.map(|format| checked(text, format, SIZE, words))
}

#[test]
fn a_fence_that_does_not_end() {
    for fence in ["```", "~~~", "````rust", "> ```", "- ```"] {
        let text = format!(
            "# Title\n\nBefore.\n\n{fence}\n{}",
            "some code here\n# no heading\n".repeat(300)
        );
        let passages = checked(&text, TextFormat::Markdown, SIZE, words);
        assert!(passages.len() >= 300 * 6 / 180, "{}", passages.len());
    }
    let fences = "```\n".repeat(10_001);
    all(&fences);
}

#[test]
fn a_line_without_spaces() {
    let line = "x".repeat(5_000_000);
    let chunks = line.len().div_ceil(CHUNK_BYTES);
    let passages = checked(&line, TextFormat::Plain, SIZE, words);
    assert_eq!(passages.len(), chunks.div_ceil(180));
    all(&line[..100_000]);
    all(&"a,b;".repeat(50_000));
    all(&"é".repeat(50_000));
    all(&format!("a.{}", ")".repeat(200_000)));
    all(&format!("a{}", "\u{301}".repeat(50_000)));
}

#[test]
fn bytes_of_nothing() {
    let nul = "\0".repeat(100_000);
    all(&nul);
    all(&format!(
        "# a\0b\n\nword {nul} word\0\n\0\n\n{}",
        "\0 ".repeat(1000)
    ));
    for passages in all(&" \n".repeat(100_000)) {
        assert!(passages.len() <= 1);
    }
}

#[test]
fn mixed_line_ends() {
    let text = "# One\r\rfirst words.\r\n\r\n- item\r- item\n\r\n```\rcode\r\n```\n\r".repeat(200);
    let [_, markdown, _] = all(&text);
    assert!(
        markdown
            .iter()
            .all(|passage| passage.headings.is_empty() || passage.headings == ["One"])
    );
    assert!(markdown.len() >= 200 * 10 / 180);
}

#[test]
fn one_word_a_million_times() {
    let least = 1_000_000_usize.div_ceil(180);
    let passages = checked(&"word ".repeat(1_000_000), TextFormat::Plain, SIZE, words);
    assert!(
        (least..least * 11 / 10).contains(&passages.len()),
        "{}",
        passages.len()
    );
    for passages in all(&"word\n".repeat(18_000)) {
        assert!((100..110).contains(&passages.len()), "{}", passages.len());
    }
}

#[test]
fn thousands_of_headings() {
    for heading in [
        "# Heading\n",
        "#\n",
        "Heading\n===\n",
        "# a\n## b\n### c\n#### d\n##### e\n###### f\n",
    ] {
        let [_, markdown, _] = all(&heading.repeat(5000));
        assert!(markdown.iter().all(|passage| passage.headings.len() <= 6));
    }
    let with_text: String = (0..5000)
        .map(|number| format!("## Number {number}\n\n{}\n\n", "some words. ".repeat(30)))
        .collect();
    let passages = checked(&with_text, TextFormat::Markdown, SIZE, words);
    assert_eq!(passages.len(), 5000);
    assert_eq!(passages[4321].headings, ["Number 4321"]);
}

#[test]
fn a_heading_as_long_as_a_text() {
    let text = format!(
        "# {}\n\nbody {}",
        "long ".repeat(20_000),
        "text. ".repeat(20_000)
    );
    let passages = checked(&text, TextFormat::Markdown, SIZE, words);
    let last = passages.last().unwrap();
    assert_eq!(last.headings.len(), 1);
    assert!(last.headings[0].starts_with("long long"));
}

#[test]
fn nesting_to_any_depth() {
    let stairs: String = (0..2000)
        .map(|depth| format!("{}- item {depth}\n", "  ".repeat(depth)))
        .collect();
    for text in [
        "> ".repeat(100_000),
        format!("{}text\n", ">".repeat(100_000)),
        format!("{}\n{}", "- ".repeat(5000), "\n".repeat(100_000)),
        "1. ".repeat(50_000),
        "*".repeat(500_000),
        "[".repeat(200_000),
        "![a](".repeat(50_000),
        "`a``b```".repeat(20_000),
        "<!-- ".repeat(50_000),
        "<a ".repeat(50_000),
        "[a]: b\n".repeat(20_000),
        format!(
            "|{}\n|{}\n{}",
            "a|".repeat(3000),
            "-|".repeat(3000),
            "|b\n".repeat(3000)
        ),
        "a_b*c~d^e$f ".repeat(20_000),
        stairs,
    ] {
        checked(&text, TextFormat::Markdown, SIZE, words);
    }
}
