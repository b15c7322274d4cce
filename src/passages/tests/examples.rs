//! Texts of each format, and where they are cut.

use super::*;

fn size(max_tokens: usize) -> PassageSize {
    PassageSize {
        whole_tokens: max_tokens,
        max_tokens,
    }
}

/// Passages with the headings they are under, counted in words.
fn parts(text: &str, format: TextFormat, max_tokens: usize) -> Vec<(String, String)> {
    let passages = checked(text, format, size(max_tokens), words);
    let part = |passage: Passage| (passage.headings.join(" > "), text[passage.bytes].to_owned());
    passages.into_iter().map(part).collect()
}

fn expect(text: &str, format: TextFormat, max_tokens: usize, expected: &[(&str, &str)]) {
    let found = parts(text, format, max_tokens);
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|(path, part)| (path.as_str(), part.as_str()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_short_text_is_one_passage_as_it_is() {
    let mut counter = Counter::new(words);
    for text in ["", " \n", "# Short\n\ntext\n"] {
        let passages = counter.cut(text, TextFormat::Markdown, size(20));
        assert_eq!(passages.len(), 1);
        assert_eq!(passages[0].bytes, 0..text.len());
        assert!(passages[0].headings.is_empty());
    }
    assert_eq!(counter.bytes, 0);
}

#[test]
fn plain_text_is_cut_between_paragraphs() {
    expect(
        "One two three. Four five\nsix seven.\n\nEight nine ten.\n \nEleven twelve.\n",
        TextFormat::Plain,
        8,
        &[
            ("", "One two three. Four five\nsix seven."),
            ("", "Eight nine ten.\n \nEleven twelve."),
        ],
    );
}

#[test]
fn a_long_paragraph_is_cut_evenly_between_sentences() {
    expect(
        "The first sentence\nis here. The second one too. And a third\none follows. The fourth is last.",
        TextFormat::Plain,
        12,
        &[
            ("", "The first sentence\nis here. The second one too."),
            ("", "And a third\none follows. The fourth is last."),
        ],
    );
}

#[test]
fn lines_that_are_no_sentences_are_kept_whole() {
    expect(
        "Vienna, Austria, one. And more\nBudapest, Hungary, two. And more\nBasel, Switzerland, three. And more\n",
        TextFormat::Plain,
        10,
        &[
            (
                "",
                "Vienna, Austria, one. And more\nBudapest, Hungary, two. And more",
            ),
            ("", "Basel, Switzerland, three. And more"),
        ],
    );
}

#[test]
fn an_error_of_the_counter_is_returned() {
    let mut counter = |_: &str| Err(crate::Error::invalid("no tokenizer"));
    let text = "words and words";
    assert!(super::cut(text, TextFormat::Plain, size(3), &mut counter).is_err());
}

const GUIDE: &str = "---
title: guide
---
The guide says how.

# The *Guide* to `zgr` {#guide}

## Install

Take the program. Put it
somewhere on the path.

```sh
# not a heading
curl it

tar it
```

## Use

- first item with
  two lines
- second item

  with a paragraph

> ## quoted heading
> and text

Options
-------

| name | meaning |
|------|---------|
| k | how many |
| mode | which search |
";

#[test]
fn markdown_is_cut_at_headings() {
    expect(
        GUIDE,
        TextFormat::Markdown,
        24,
        &[
            ("", "---\ntitle: guide\n---\nThe guide says how."),
            (
                "The Guide to zgr > Install",
                "# The *Guide* to `zgr` {#guide}\n\n## Install\n\nTake the program. Put it\nsomewhere on the path.",
            ),
            (
                "The Guide to zgr > Install",
                "```sh\n# not a heading\ncurl it\n\ntar it\n```",
            ),
            (
                "The Guide to zgr > Use",
                "## Use\n\n- first item with\n  two lines\n- second item\n\n  with a paragraph\n\n> ## quoted heading\n> and text",
            ),
            (
                "The Guide to zgr > Options",
                "Options\n-------\n\n| name | meaning |\n|------|---------|\n| k | how many |\n| mode | which search |",
            ),
        ],
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_heading() {
    expect(
        "\u{feff}# Title\n\nOne two three four.\n\nFive six seven eight.\n",
        TextFormat::Markdown,
        7,
        &[
            ("Title", "\u{feff}# Title\n\nOne two three four."),
            ("Title", "Five six seven eight."),
        ],
    );
}

#[test]
fn lists_are_cut_between_items_and_tables_between_rows() {
    expect(
        "1. one two. Three four\n2. five six\n   seven. Eight\n3. nine ten eleven twelve\n",
        TextFormat::Markdown,
        10,
        &[
            ("", "1. one two. Three four\n2. five six\n   seven. Eight"),
            ("", "3. nine ten eleven twelve"),
        ],
    );
    expect(
        "| a | b. C |\n|---|---|\n| d | e. F |\n| g | h. I |\n",
        TextFormat::Markdown,
        13,
        &[
            ("", "| a | b. C |\n|---|---|"),
            ("", "| d | e. F |\n| g | h. I |"),
        ],
    );
}

#[test]
fn a_fence_that_is_too_long_is_cut_at_its_lines() {
    expect(
        "Text before it of six words.\n\n```\none. two three\nfour five six\nseven eight nine\nten eleven twelve\n```\n\nText behind it of six words.",
        TextFormat::Markdown,
        8,
        &[
            ("", "Text before it of six words."),
            ("", "```\none. two three\nfour five six"),
            ("", "seven eight nine\nten eleven twelve\n```"),
            ("", "Text behind it of six words."),
        ],
    );
}

#[test]
fn source_text_keeps_its_items_whole() {
    let text = "\
use std::fmt;

/// One. Of two.
fn first() {
    let a = 1;

    print(a);
}
fn second() {
    let b = 2;
}

# no heading
fn third() {
    let c = 3;
}
";
    expect(
        text,
        TextFormat::Source,
        20,
        &[
            (
                "",
                "use std::fmt;\n\n/// One. Of two.\nfn first() {\n    let a = 1;\n\n    print(a);\n}",
            ),
            (
                "",
                "fn second() {\n    let b = 2;\n}\n\n# no heading\nfn third() {\n    let c = 3;\n}",
            ),
        ],
    );
}

#[test]
fn a_long_item_of_source_text_is_cut_at_its_least_indentation() {
    let text = "\
impl One {
    /// First.
    fn first() {
        if a {
            b();
        }
        c();
    }

    /// Second.
    fn second() {
        d();
        e();
    }
}
";
    expect(
        text,
        TextFormat::Source,
        20,
        &[
            (
                "",
                "impl One {\n    /// First.\n    fn first() {\n        if a {\n            b();\n        }\n        c();\n    }",
            ),
            (
                "",
                "/// Second.\n    fn second() {\n        d();\n        e();\n    }\n}",
            ),
        ],
    );
}

#[test]
fn places_are_in_bytes_and_in_characters() {
    let passages = checked(
        "Äpfel rot.\n\nÖl süß 🍏 da.",
        TextFormat::Plain,
        size(4),
        words,
    );
    assert_eq!(
        (passages[0].bytes.clone(), passages[0].chars.clone()),
        (0..11, 0..10)
    );
    assert_eq!(
        (passages[1].bytes.clone(), passages[1].chars.clone()),
        (13..31, 12..24)
    );
}
