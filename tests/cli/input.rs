//! `zerogr build` and `zerogr add` with every kind of input that the help names.

use crate::support::command::{DOCUMENTS, Folder, corpus, gzip};
use crate::support::installed::{stderr, stdout};
use serde_json::{Value, json};
use zerogr::{Document, Index};

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
    assert_eq!(a.extra.json("year"), Some("1961"));
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
        ("shaping hot glass", "notes/glass.md"),
        ("how is tea made", "notes/deep/tea.txt"),
        ("opening moves in chess", "chess.md"),
    ] {
        assert_eq!(folder.ids("all.zgr", query)[0], id, "{query}");
    }
    let glass = document(&folder, "all.zgr", "notes/glass.md");
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

#[test]
fn files_of_the_same_name_in_two_folders_are_two_documents() {
    let folder = Folder::new();
    folder.write("one/README.md", "# Wings\n\nThin wings may vibrate.\n");
    folder.write("two/README.md", "# Plates\n\nPlates in a hot stream.\n");
    let build = ["build", "one", "two", "-o", "a.zgr", "--no-train", "--json"];
    let built = folder.json(&build);
    assert_eq!(
        (&built["documents"], &built["commit"]["replaced"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(document(&folder, "a.zgr", "one/README.md").title, "Wings");
    assert_eq!(document(&folder, "a.zgr", "two/README.md").title, "Plates");
}

#[test]
fn an_id_twice_in_one_run_is_named_or_decided_by_a_rule() {
    let folder = Folder::new();
    folder.write(
        "a.jsonl",
        "{\"_id\": 1, \"text\": \"Thin wings may vibrate.\"}\n",
    );
    folder.write(
        "b.jsonl",
        "\n{\"_id\": \"1\", \"text\": \"Plates in a hot stream.\"}\n",
    );
    folder.write(
        "c.jsonl",
        "{\"_id\": \"1\", \"text\": \"Cones in a hot stream.\"}\n",
    );
    let build = ["build", "a.jsonl", "b.jsonl", "--no-train", "--json", "-o"];
    let message = folder.fails(&[&build[..], &["x.zgr"]].concat());
    assert!(
        message.contains("\"1\" at b.jsonl:2, first at a.jsonl:1"),
        "{message}"
    );
    assert_eq!(folder.names(), ["a.jsonl", "b.jsonl", "c.jsonl"]);

    for (rule, text) in [
        ("first", "Thin wings may vibrate."),
        ("last", "Plates in a hot stream."),
    ] {
        let name = format!("{rule}.zgr");
        let built = folder.json(&[&build[..], &[&name, "--on-duplicate", rule]].concat());
        assert_eq!(
            (&built["documents"], &built["duplicates"]),
            (&json!(1), &json!(1))
        );
        assert_eq!(document(&folder, &name, "1").text, text);
    }

    let before = std::fs::read(folder.path("last.zgr")).unwrap();
    let message = folder.fails(&["add", "last.zgr", "b.jsonl", "c.jsonl"]);
    assert!(
        message.contains("\"1\" at c.jsonl:1, first at b.jsonl:2"),
        "{message}"
    );
    assert!(before == std::fs::read(folder.path("last.zgr")).unwrap());
    // One that is in the index already is an ordinary update.
    let added = folder.json(&["add", "last.zgr", "c.jsonl", "--json"]);
    assert_eq!(
        (&added["commit"]["replaced"], &added["duplicates"]),
        (&json!(1), &json!(0))
    );
    let args = [
        "add",
        "last.zgr",
        "b.jsonl",
        "c.jsonl",
        "--on-duplicate",
        "first",
        "--json",
    ];
    assert_eq!(folder.json(&args)["duplicates"], 1);
    assert_eq!(
        document(&folder, "last.zgr", "1").text,
        "Plates in a hot stream."
    );
}

#[test]
fn what_depends_on_one_document_is_checked_where_it_is_read() {
    let folder = Folder::new();
    let long = "word ".repeat(65);
    let deep = "[".repeat(126) + &"]".repeat(126);
    let bad = [
        (
            format!("{{\"_id\": \"x\", \"docid\": \"{long}\"}}"),
            "a docid has 65 tokens",
        ),
        (
            "{\"_id\": \"x\", \"docid\": [\"one\", \" \"]}".to_owned(),
            "a docid is blank",
        ),
        (
            format!("{{\"_id\": \"x\", \"deep\": {deep}}}"),
            "lie more than 64 deep",
        ),
        (
            format!("{{\"_id\": \"{}\"}}", "x".repeat(4097)),
            "id has 4097 bytes",
        ),
    ];
    let good = "{\"_id\": \"good\", \"text\": \"Thin wings may vibrate.\"}\n";
    let mut all = good.to_owned();
    for (number, (line, words)) in bad.iter().enumerate() {
        all += &format!("{line}\n");
        folder.write("corpus.jsonl", format!("{good}{line}\n"));
        let build = ["build", "corpus.jsonl", "-o", "a.zgr", "--no-train"];
        let message = folder.fails(&build);
        assert!(
            message.contains("corpus.jsonl:2: ") && message.contains(words),
            "{message}"
        );
        assert_eq!(folder.names(), ["corpus.jsonl"], "{number}");
    }
    folder.write("corpus.jsonl", &all);
    let build = ["build", "corpus.jsonl", "-o", "a.zgr", "--no-train"];
    let output = folder.run(&[&build[..], &["--skip-bad-lines", "--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for (number, (_, words)) in (2..).zip(&bad) {
        let place = format!("corpus.jsonl:{number}: ");
        let reported = stderr(&output);
        let line = reported.lines().find(|line| line.contains(&place));
        assert!(line.is_some_and(|line| line.contains(words)), "{reported}");
    }
    assert_eq!(folder.json(&["info", "a.zgr", "--json"])["documents"], 1);
    let output = folder.run(&["add", "a.zgr", "corpus.jsonl", "--skip-bad-lines", "--json"]);
    let added: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(added["left_out"], 4);
}

#[test]
fn documents_come_back_as_they_came() {
    let folder = Folder::new();
    let lines = [
        r#"{"_id":"a","title":"","text":"Thin wings may vibrate.","docid":["wing"],"tags":[],"z":123456789012345678901234567890,"big":1e400,"m":-0,"one":1.0,"tenth":0.1000,"o":{"b":[1E2],"a":null}}"#,
        r#"{"_id":"b","title":"","text":"Plates in a hot stream.","docid":["plate"],"tags":["t"],"n":0.1000000000000000055511151231257827}"#,
    ];
    folder.write("corpus.jsonl", lines.join("\n"));
    folder.ok(&["build", "corpus.jsonl", "-o", "a.zgr", "--no-train"]);
    assert_eq!(
        folder.ok(&["get", "a.zgr", "a", "--json"]).trim_end(),
        lines[0]
    );
    let listed = folder.ok(&["list", "a.zgr", "--json"]);
    assert_eq!(listed.lines().collect::<Vec<_>>(), lines);
}

#[test]
fn joined_and_padded_files_are_read_like_others() {
    let folder = Folder::new();
    let corpus = corpus();
    let (first, rest) = corpus.split_at(corpus.find('\n').unwrap() + 1);
    folder.write(
        "joined.jsonl",
        format!("\u{feff}{first}\u{feff}{}", rest.replace('\n', "\r\n")),
    );
    let mut padded = gzip(first.as_bytes());
    padded.extend(gzip(rest.as_bytes()));
    padded.extend([0; 300]);
    folder.write("padded.jsonl.gz", padded);
    for name in ["joined.jsonl", "padded.jsonl.gz"] {
        let index = format!("{name}.zgr");
        let built = folder.json(&["build", name, "-o", &index, "--no-train", "--json"]);
        assert_eq!(built["documents"], 12, "{name}");
    }
}

#[test]
fn a_folder_is_read_as_people_have_it() {
    let folder = Folder::new();
    for (name, content) in [
        (
            "notes/page.html",
            "<title>Glass</title><nav>Home</nav><main><h1>Blowing</h1><p>Molten sand.</main>",
        ),
        ("notes/src/main.rs", "fn main() {\n    flutter();\n}\n"),
        (
            "notes/albums.csv",
            "Year,Album\n1969,Renaissance\n1971,Illusion\n",
        ),
        ("notes/corpus.jsonl", "{\"_id\": \"not read\"}\n"),
        ("notes/data.json", "{}"),
        ("notes/.gitignore", "/target\n"),
        ("notes/target/made.md", "# Made"),
    ] {
        folder.write(name, content);
    }
    let output = folder.run(&["build", "notes", "-o", "a.zgr", "--lexical"]);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("ignored by .gitignore: 1 "), "{said}");
    assert!(
        said.contains("not read: 2 files (.json 1, .jsonl 1)"),
        "{said}"
    );

    let index = Index::open(folder.path("a.zgr")).unwrap();
    let mut ids: Vec<String> = index.snapshot().ids().map(|id| id.to_string()).collect();
    ids.sort();
    assert_eq!(
        ids,
        ["albums.csv#2", "albums.csv#3", "page.html", "src/main.rs"]
    );
    let page = document(&folder, "a.zgr", "page.html");
    assert_eq!(
        (page.title.as_str(), page.text.as_str()),
        ("Glass", "# Blowing\n\nMolten sand.")
    );
    assert_eq!(
        document(&folder, "a.zgr", "src/main.rs").title,
        "src/main.rs"
    );
    let row = document(&folder, "a.zgr", "albums.csv#3");
    assert_eq!(row.text, "Year: 1971\nAlbum: Illusion");
    assert_eq!(row.fields.get::<u64>("Year"), Some(1971));
}

#[test]
fn bad_rows_are_named_by_file_and_line() {
    let folder = Folder::new();
    folder.write("a.csv", "id,text\nx,wings\ny\nz,heat\n");
    let output = folder.run(&["build", "a.csv", "-o", "a.zgr", "--lexical"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("a.csv:3: the row has 1 cells"),
        "{}",
        stderr(&output)
    );
    let output = folder.run(&[
        "build",
        "a.csv",
        "-o",
        "a.zgr",
        "--lexical",
        "--skip-bad-lines",
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(document(&folder, "a.zgr", "z").text, "heat");
}
