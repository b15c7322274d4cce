//! `zerogr build` and `zerogr add` with every kind of input that the help names.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod cli;
mod common;

use cli::{DOCUMENTS, Folder, corpus, gzip};
use common::{stderr, stdout};
use serde_json::{Value, json};
use zerogr::Document;
use zerogr::index::Index;

fn document(folder: &Folder, index: &str, id: &str) -> Document {
    let index = Index::open(folder.path(index)).unwrap();
    index.snapshot().document(id).unwrap().unwrap()
}

#[test]
fn every_key_of_a_json_line_arrives() {
    let folder = Folder::new();
    folder.write(
        "corpus.jsonl",
        r#"{"_id": "a", "title": "Wing flutter", "text": "Wings vibrate.", "tags": ["aero", "old"], "year": 1961}
{"id": "b", "doc": "Heat goes into a plate.", "docid": "plate heat", "tags": "thermal"}

{"id": 3, "contents": "Yeast reads its genes.", "docid": ["yeast gene", "gene of yeast"], "title": null}
"#,
    );
    let built = folder.json(&["build", "corpus.jsonl", "-o", "a.zgr", "--json"]);
    assert_eq!(built["documents"], 3);
    assert_eq!(built["commit"]["added"], 3);

    let a = document(&folder, "a.zgr", "a");
    assert_eq!(
        (a.title.as_str(), a.text.as_str()),
        ("Wing flutter", "Wings vibrate.")
    );
    assert_eq!(a.tags, ["aero", "old"]);
    assert_eq!(a.fields.json("year"), Some("1961"));
    let b = document(&folder, "a.zgr", "b");
    assert_eq!(b.text, "Heat goes into a plate.");
    assert_eq!(
        (b.docids, b.tags),
        (vec!["plate heat".to_owned()], vec!["thermal".to_owned()])
    );
    let c = document(&folder, "a.zgr", "3");
    assert_eq!(
        (c.title.as_str(), c.text.as_str()),
        ("", "Yeast reads its genes.")
    );
    let mut docids = c.docids;
    docids.sort();
    assert_eq!(docids, ["gene of yeast", "yeast gene"]);
}

#[test]
fn files_gzip_standard_input_and_folders_make_one_index() {
    let folder = Folder::new();
    let corpus = corpus();
    let lines: Vec<&str> = corpus.lines().collect();
    folder.write("one.jsonl", lines[..3].join("\n"));
    folder.write("two.jsonl.gz", gzip(lines[3..6].join("\n").as_bytes()));
    folder.write(
        "notes/glass.md",
        "# Blowing glass\n\nMolten sand is shaped by breath.\n",
    );
    folder.write(
        "notes/deep/tea.txt",
        "Leaves of the tea plant are dried and steeped.\n",
    );
    folder.write("notes/picture.png", [0x89, 0x50, 0xff]);
    folder.write("notes/.hidden.md", "not read");
    folder.write(
        "chess.md",
        "# Chess openings\n\nPawns take the centre of the board.\n",
    );
    let inputs = ["one.jsonl", "two.jsonl.gz", "-", "notes", "chess.md"];
    let args = [&["build"], inputs.as_slice(), &["-o", "all.zgr", "--json"]].concat();
    let output = folder.run_with_input(&args, lines[6..].join("\n").as_bytes());
    assert!(output.status.success(), "{}", stderr(&output));
    let built: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(built["documents"], 15);

    for (query, id) in [
        ("vibrating wings", "wing"),
        ("what happens in the brain during sleep", "brain"),
        ("honey bee", "bees"),
        ("shaping hot glass", "glass.md"),
        ("how is tea made", "deep/tea.txt"),
        ("opening moves in chess", "chess.md"),
    ] {
        assert_eq!(folder.ids("all.zgr", query)[0], id, "{query}");
    }
    let glass = document(&folder, "all.zgr", "glass.md");
    assert_eq!(glass.title, "Blowing glass");
}

#[test]
fn gzip_is_recognised_on_standard_input() {
    let folder = Folder::new();
    let args = ["build", "-", "-o", "a.zgr", "--no-train", "--json"];
    let output = folder.run_with_input(&args, &gzip(corpus().as_bytes()));
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(folder.json(&["info", "a.zgr", "--json"])["documents"], 12);
}

#[test]
fn documents_can_be_added_and_replaced_and_the_index_trained_again() {
    let folder = Folder::new();
    folder.write("corpus.jsonl", corpus());
    folder.write(
        "more.jsonl",
        "{\"_id\": \"ice\", \"text\": \"Glaciers grind valleys out of rock.\"}\n\
         {\"_id\": \"fish\", \"text\": \"Penguins dive for krill in the antarctic.\"}\n",
    );
    folder.ok(&["build", "corpus.jsonl", "-o", "a.zgr", "--no-train"]);
    assert_eq!(folder.ids("a.zgr", "salmon in the river")[0], "fish");

    let added = folder.json(&["add", "a.zgr", "more.jsonl", "--json"]);
    assert_eq!(
        (&added["commit"]["added"], &added["commit"]["replaced"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(added["documents"], 13);
    assert_eq!(folder.ids("a.zgr", "how glaciers shape the land")[0], "ice");
    assert_eq!(folder.ids("a.zgr", "penguins")[0], "fish");
    assert_eq!(
        document(&folder, "a.zgr", "fish").title,
        "",
        "the old one is gone"
    );

    let trained = folder.json(&["train", "a.zgr", "--json"]);
    assert_eq!(trained["documents"], 13);
    for (id, title, _) in DOCUMENTS.into_iter().filter(|(id, _, _)| *id != "fish") {
        assert_eq!(folder.ids("a.zgr", title)[0], id);
    }
    assert_eq!(
        folder.json(&["check", "a.zgr", "--json"])["findings"],
        json!([])
    );
}

#[test]
fn a_separator_after_the_name_changes_nothing() {
    let folder = Folder::new();
    folder.write("corpus.jsonl", corpus());
    folder.ok(&["build", "corpus.jsonl", "-o", "a.zgr/", "--no-train"]);
    assert_eq!(folder.names(), ["a.zgr", "corpus.jsonl"]);
}

#[test]
fn titles_serve_as_docids() {
    let folder = Folder::new();
    folder.write("corpus.jsonl", corpus());
    folder.ok(&[
        "build",
        "corpus.jsonl",
        "-o",
        "a.zgr",
        "--docids",
        "title",
        "--no-train",
    ]);
    let docids = document(&folder, "a.zgr", "piano").docids;
    assert!(docids[0].contains("piano"), "{docids:?}");
}

#[test]
fn equal_seeds_give_equal_files() {
    let folder = Folder::new();
    folder.write("corpus.jsonl", corpus());
    let bytes = |name: &str, seed: &str| {
        folder.ok(&["build", "corpus.jsonl", "-o", name, "--seed", seed]);
        std::fs::read(folder.path(name)).unwrap()
    };
    let first = bytes("first.zgr", "7");
    assert!(
        first == bytes("second.zgr", "7"),
        "equal input and seed, other bytes"
    );
    assert!(
        first != bytes("third.zgr", "8"),
        "another seed, equal bytes"
    );
}

#[test]
fn bad_lines_are_left_out_on_request_and_reported() {
    let folder = Folder::new();
    folder.write("corpus.jsonl", corpus() + "{\"_id\": \n[1]\n");
    let args = [
        "build",
        "corpus.jsonl",
        "-o",
        "a.zgr",
        "--no-train",
        "--skip-bad-lines",
        "--json",
    ];
    let output = folder.run(&args);
    assert_eq!(output.status.code(), Some(0));
    for place in ["corpus.jsonl:13", "corpus.jsonl:14"] {
        assert!(stderr(&output).contains(place), "{}", stderr(&output));
    }
    let built: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(
        (&built["left_out"], &built["documents"]),
        (&json!(2), &json!(12))
    );
}
