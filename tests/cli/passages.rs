//! Long documents on the command line: how they are cut, and where in them hits are.

use crate::support::command::Folder;
use serde_json::{Value, json};

/// A manual of several passages, with what a terminal would obey in a heading.
fn manual() -> String {
    let days = |verb: &str| -> String {
        let day = |number: usize| format!("On day {number} the gardener {verb} row {number}. ");
        (0..200).map(day).collect()
    };
    format!(
        "# Garden\n\n## Watering\u{1b}[31m\n\n{}\n\n## Cutting\n\nCut the Rösen with a zircon knife.\n\n{}",
        days("waters"),
        days("cuts")
    )
}

/// An index of words alone of a long manual and a short note.
fn garden(folder: &Folder, more: &[&str]) -> String {
    folder.write("in/manual.md", manual());
    folder.write("in/note.txt", "Salmon swim upstream.");
    let build = ["build", "in", "-o", "a.zgr", "--lexical"];
    folder.ok(&[&build[..], more].concat())
}

fn range(value: &Value) -> std::ops::Range<usize> {
    let bound = |name: &str| value[name].as_u64().unwrap() as usize;
    bound("start")..bound("end")
}

#[test]
fn a_hit_tells_its_places() {
    let folder = Folder::new();
    garden(&folder, &[]);
    let text = manual();
    let search = ["search", "a.zgr", "zircon knife gardener", "--json"];
    let passages = |hits: &Value| hits[0]["passages"].as_array().unwrap().clone();
    let hits = folder.json(&search);
    assert_eq!(passages(&hits).len(), 3);
    for place in passages(&hits) {
        let own = &text[range(&place["bytes"])];
        let chars = range(&place["chars"]);
        let by_chars: String = text.chars().skip(chars.start).take(chars.len()).collect();
        assert_eq!(own, by_chars);
        assert!(place["score"].is_f64() && place["docid"].is_string());
    }
    let best = &passages(&hits)[0];
    assert!(text[range(&best["bytes"])].contains("zircon"));
    assert_eq!(best["headings"], json!(["Garden", "Cutting"]));
    for (wanted, told) in [("0", 0), ("1", 1), ("2", 2)] {
        let hits = folder.json(&[&search[..], &["--passages", wanted]].concat());
        assert_eq!(passages(&hits).len(), told);
    }
    let short = folder.json(&["search", "a.zgr", "salmon", "--json"]);
    assert_eq!(passages(&short), [] as [Value; 0]);
}

#[test]
fn headings_stand_before_the_snippet() {
    let folder = Folder::new();
    garden(&folder, &[]);
    let shown = folder.ok(&["search", "a.zgr", "gardener waters row 150", "-k", "1"]);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[2], "      Garden > Watering␛[31m", "{shown}");
    assert!(lines[3].contains("row 150"), "{shown}");
    let without = folder.ok(&["search", "a.zgr", "gardener", "-k", "1", "--passages", "0"]);
    assert!(!without.contains(" > "), "{without}");
    let short = folder.ok(&["search", "a.zgr", "salmon"]);
    assert_eq!(short.lines().count(), 3, "{short}");
}

#[test]
fn passages_are_counted_and_can_be_left_out() {
    let folder = Folder::new();
    let built = garden(&folder, &[]);
    let info = folder.json(&["info", "a.zgr", "--json"]);
    let count = info["passages"].as_u64().unwrap();
    assert!(count > 10, "{info}");
    let added = format!("added 2 in {count} passages, replaced 0");
    assert!(built.contains(&added), "{built}");
    let shown = folder.ok(&["info", "a.zgr"]);
    assert!(
        shown.contains(&format!("documents 2, passages {count}, ")),
        "{shown}"
    );
    let size = &info["parameters"]["passages"];
    let rule = format!(
        "more than {} tokens are cut into passages of at most {}\n",
        size["whole_tokens"], size["max_tokens"]
    );
    assert!(shown.contains(&rule), "{shown}");
    folder.write("note.txt", "Rain falls.");
    let added = folder.ok(&["add", "a.zgr", "note.txt"]);
    assert!(
        added.contains("added 1, replaced"),
        "no document is cut: {added}"
    );
    folder.ok(&["delete", "a.zgr", "manual.md"]);
    let left = folder.json(&["info", "a.zgr", "--json"]);
    assert_eq!(left["passages"], left["documents"]);

    std::fs::remove_file(folder.path("a.zgr")).unwrap();
    let whole = garden(&folder, &["--no-passages"]);
    assert!(whole.contains("added 2, replaced 0"), "{whole}");
    let shown = folder.ok(&["info", "a.zgr"]);
    assert!(
        shown.contains("texts of any length are one passage"),
        "{shown}"
    );
    let hits = folder.json(&["search", "a.zgr", "zircon", "--json"]);
    assert_eq!(hits[0]["passages"], json!([]));
}

#[test]
fn broken_texts_are_built_found_and_sound() {
    let folder = Folder::new();
    let answer = "The zircon answers a sextant.";
    let code = "let value = other;\n# no heading\n".repeat(400);
    folder.write(
        "in/fence.md",
        format!("# Code\n\n```\n{code}The zircon compiles.\n{code}"),
    );
    let lines = "words.\r\n\r\n- item\r\0- other\n\r\n```\rcode\r\n```\n\r".repeat(400);
    folder.write(
        "in/lines.md",
        format!("# One\r\r{lines}\n\r{answer}\r{lines}"),
    );
    folder.write("in/long.txt", format!("{}\n{answer}", "é".repeat(300_000)));
    folder.ok(&["build", "in", "-o", "a.zgr", "--lexical"]);
    let hits = folder.json(&["search", "a.zgr", "zircon", "--json"]);
    assert_eq!(hits.as_array().unwrap().len(), 3);
    for hit in hits.as_array().unwrap() {
        let id = hit["id"].as_str().unwrap();
        let document = folder.json(&["get", "a.zgr", id, "--json"]);
        let text = document["text"].as_str().unwrap();
        let place = &hit["passages"][0];
        let found = &text[range(&place["bytes"])];
        assert!(found.contains("zircon"), "{id}");
        let chars = range(&place["chars"]);
        let by_chars: String = text.chars().skip(chars.start).take(chars.len()).collect();
        assert_eq!(found, by_chars, "{id}");
    }
    folder.ok(&["check", "a.zgr"]);
}
