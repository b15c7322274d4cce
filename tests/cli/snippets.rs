//! What `zerogr search` shows of the texts that it finds.

use crate::support::command::{Folder, shared_index};
use serde_json::json;

#[test]
fn hits_have_snippets() {
    let folder = Folder::new();
    let lexical = [
        "search",
        shared_index(),
        "rivers spawning",
        "-k",
        "1",
        "--mode",
        "lexical",
    ];
    let text = "Salmon swim up the river to spawn when the water is cold.";
    // Nobody looks at a terminal here: nothing is marked.
    let shown = folder.ok(&lexical);
    assert!(shown.ends_with(&format!("\n      {text}\n")), "{shown}");

    let hits = folder.json(&[&lexical[..], &["--json"]].concat());
    let mark = |from, to| {
        json!({
            "kind": "word",
            "bytes": {"start": from, "end": to}, "chars": {"start": from, "end": to},
        })
    };
    let snippet = json!({
        "text": text,
        "bytes": {"start": 0, "end": 57}, "chars": {"start": 0, "end": 57},
        "marks": [mark(19, 24), mark(28, 33)],
    });
    assert_eq!(hits[0]["snippet"], snippet);

    let short = folder.ok(&[&lexical[..], &["--snippet-chars", "20"]].concat());
    assert!(short.ends_with("\n      the river to spawn\n"), "{short}");
    let none = folder.ok(&[&lexical[..], &["--snippet-chars", "0"]].concat());
    assert!(none.ends_with("\n      Salmon migration\n"), "{none}");
    let none = folder.json(&[&lexical[..], &["--snippet-chars", "0", "--json"]].concat());
    assert!(none[0].get("snippet").is_none());
}

#[test]
fn ranges_are_those_of_the_stored_text() {
    let folder = Folder::new();
    let text = format!(
        "{} Die Brücke über die Grüße.\r\n\tEnde\u{1b}[31m",
        "Öde. ".repeat(30)
    );
    let document = json!({"_id": "a", "title": "b", "text": text, "docid": ["b"]});
    folder.write("in.jsonl", document.to_string());
    folder.ok(&["build", "in.jsonl", "-o", "a.zgr", "--lexical"]);
    let args = ["search", "a.zgr", "brucke ende", "--snippet-chars", "40"];
    let hits = folder.json(&[&args[..], &["--json"]].concat());
    let snippet = &hits[0]["snippet"];
    let number = |value: &serde_json::Value| value.as_u64().unwrap() as usize;
    let bytes = number(&snippet["bytes"]["start"])..number(&snippet["bytes"]["end"]);
    let chars = number(&snippet["chars"]["start"])..number(&snippet["chars"]["end"]);
    assert_eq!(snippet["text"], text[bytes.clone()]);
    let by_chars: String = text.chars().skip(chars.start).take(chars.len()).collect();
    assert_eq!(snippet["text"], by_chars);
    let marks = snippet["marks"].as_array().unwrap();
    let marked: Vec<&str> = marks
        .iter()
        .map(|mark| {
            let mark = &mark["bytes"];
            &text[bytes.start + number(&mark["start"])..bytes.start + number(&mark["end"])]
        })
        .collect();
    assert_eq!(marked, ["Brücke", "Ende"]);
    let shown = folder.ok(&args);
    assert!(shown.contains("Grüße. Ende␛[31m\n"), "{shown}");
}

#[test]
fn what_late_interaction_matched_is_told_apart() {
    let folder = Folder::new();
    let marked = |query: &str, more: &[&str]| -> Vec<(String, String)> {
        let args = ["search", shared_index(), query, "-k", "1", "--json"];
        let hits = folder.json(&[&args[..], more].concat());
        let text = hits[0]["snippet"]["text"].as_str().unwrap().to_owned();
        let marks = hits[0]["snippet"]["marks"].as_array().unwrap().clone();
        let mark = |mark: &serde_json::Value| {
            let bound = |name: &str| mark["bytes"][name].as_u64().unwrap() as usize;
            let kind = mark["kind"].as_str().unwrap().to_owned();
            (text[bound("start")..bound("end")].to_owned(), kind)
        };
        marks.iter().map(mark).collect()
    };
    let of = |word: &str, kind: &str| (word.to_owned(), kind.to_owned());
    let query = "cold rocks from space left marks";
    assert_eq!(marked(query, &[]), [of("left", "word")]);
    let with_meaning = marked(query, &["--mark-meaning"]);
    assert!(
        with_meaning.contains(&of("Meteorites", "meaning")),
        "{with_meaning:?}"
    );
    assert!(
        with_meaning.contains(&of("left", "word")),
        "{with_meaning:?}"
    );
    let as_typed = marked("cold rocks from space lef", &["--mark-meaning", "--prefix"]);
    assert!(
        as_typed.contains(&of("Meteorites", "meaning")),
        "{as_typed:?}"
    );
    assert!(as_typed.contains(&of("left", "word")), "{as_typed:?}");
}
