//! What goes wrong at the command line: a clear message, the right exit status, nothing lost.

use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use crate::support::command::{Folder, copy_folder, corpus, gzip, shared_index};
use crate::support::installed::{stderr, stdout};
use serde_json::{Value, json};

/// Asserts that building from `content` fails with all of `words`, and leaves nothing behind.
fn refused(name: &str, content: impl AsRef<[u8]>, words: &[&str]) {
    let folder = Folder::new();
    folder.write(name, content);
    let message = folder.fails(&["build", name, "-o", "a.zgr"]);
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message}");
    }
    assert_eq!(folder.names(), [name], "{message}");
}

#[test]
fn malformed_lines_are_named_and_nothing_is_built() {
    let good = r#"{"_id": "good", "text": "fine"}"#;
    for (line, words) in [
        ("{\"_id\": \"x\"", "not valid JSON"),
        ("nonsense", "not valid JSON"),
        ("[1, 2]", "not a JSON object but a list"),
        ("{", "every line must be one whole object"),
        (
            "{\"_id\": \"x\", \"k\": 1, \"k\": 1}",
            "the key \"k\" comes twice",
        ),
        ("\"text\"", "not a JSON object"),
        ("{\"text\": \"no id\"}", "has no \"_id\""),
        ("{\"_id\": null}", "has no \"_id\""),
        ("{\"_id\": \"\"}", "id is empty"),
        ("{\"_id\": [1]}", "must be a string or an integer"),
        ("{\"_id\": \"x\", \"text\": 5}", "\"text\" must be a string"),
        ("{\"_id\": \"x\", \"docid\": {}}", "\"docid\" must be"),
    ] {
        let content = format!("{good}\n{line}\n{good}\n");
        refused("corpus.jsonl", content, &["corpus.jsonl:2:", words]);
    }
}

#[test]
fn bytes_that_are_no_text_are_named_with_file_and_line() {
    refused(
        "corpus.jsonl",
        b"{\"_id\": \"a\"}\n{\"_id\": \"\xff\"}\n",
        &["corpus.jsonl:2:", "not valid UTF-8"],
    );
    refused(
        "page.md",
        b"# Title\n\n\xff\xfe\n",
        &["page.md:3:", "not valid UTF-8"],
    );
}

#[test]
fn damaged_gzip_is_named() {
    let whole = gzip(corpus().repeat(50).as_bytes());
    refused(
        "corpus.jsonl.gz",
        &whole[..whole.len() / 2],
        &["corpus.jsonl.gz", "ends too early"],
    );
}

#[test]
fn an_empty_corpus_builds_nothing() {
    for content in ["", "\n\n  \n"] {
        refused(
            "corpus.jsonl",
            content,
            &["there is no document in the input"],
        );
    }
    let folder = Folder::new();
    std::fs::create_dir(folder.path("empty")).unwrap();
    let message = folder.fails(&["build", "empty", "-o", "a.zgr"]);
    assert!(message.contains("has no files that are read"), "{message}");
    folder.write("bad.jsonl", "nonsense\n");
    let args = ["build", "bad.jsonl", "-o", "a.zgr", "--skip-bad-lines"];
    let message = folder.fails(&args);
    assert!(message.contains("bad.jsonl:1"), "{message}");
    assert!(message.contains("there is no document"), "{message}");
    assert_eq!(folder.names(), ["bad.jsonl", "empty"]);
}

#[test]
fn odd_documents_are_kept_and_found() {
    let folder = Folder::new();
    let sentence = "Glaciers grind valleys out of rock. ";
    let huge = sentence.repeat(10_000_000 / sentence.len());
    let odd = [
        json!({"_id": "huge", "text": huge}),
        json!({"_id": "empty", "text": ""}),
        json!({"_id": "nothing"}),
        json!({"_id": "stop", "text": "to be or not to be"}),
        json!({"_id": "signs", "text": "!!! ???"}),
        json!({"_id": " ", "text": "\u{1f642}"}),
    ];
    let lines: String = odd.iter().map(|line| format!("{line}\n")).collect();
    folder.write("corpus.jsonl", lines);
    // Thousands of passages that are one text are encoded once; a training asks for each.
    let args = [
        "build",
        "corpus.jsonl",
        "-o",
        "a.zgr",
        "--no-train",
        "--json",
    ];
    let built = folder.json(&args);
    assert_eq!(built["documents"], 6);
    assert!(built["commit"]["passages"].as_u64().unwrap() > 10_000);
    // A picture is a word.
    assert_eq!(built["commit"]["without_terms"], 4);
    let mut found = folder.ids("a.zgr", "how glaciers shape the land");
    assert_eq!(found[0], "huge");
    found.sort();
    assert_eq!(found, [" ", "empty", "huge", "nothing", "signs", "stop"]);
}

#[test]
fn queries_may_be_long_but_not_blank() {
    let folder = Folder::new();
    for blank in ["", "  \n"] {
        let message = folder.fails(&["search", shared_index(), blank]);
        assert!(message.contains("at least one word"), "{message}");
    }
    let long = "salmon ".repeat(10_000);
    assert_eq!(folder.ids(shared_index(), &long)[0], "fish");
    for odd in ["!?", "\u{1f642}", "0"] {
        assert_eq!(folder.ids(shared_index(), odd).len(), 10, "{odd}");
    }
}

#[test]
fn files_that_are_no_index_are_refused_and_left_alone() {
    let folder = Folder::new();
    folder.write("empty.zgr", "");
    folder.write("short.zgr", "hello");
    folder.write("text.zgr", corpus().repeat(20));
    std::fs::create_dir(folder.path("folder.zgr")).unwrap();
    folder.write("more.jsonl", corpus());
    for name in ["empty.zgr", "short.zgr", "text.zgr", "folder.zgr"] {
        for args in [
            &["search", name, "salmon"][..],
            &["info", name],
            &["check", name],
            &["train", name],
            &["add", name, "more.jsonl"],
        ] {
            let message = folder.fails(args);
            assert!(
                message.contains("not a zerogr index"),
                "{args:?}: {message}"
            );
            assert!(message.contains(name), "{args:?}: {message}");
        }
    }
    let text = std::fs::read_to_string(folder.path("text.zgr")).unwrap();
    assert_eq!(text, corpus().repeat(20));
}

#[test]
fn a_truncated_index_is_refused_and_says_what_to_do() {
    let folder = Folder::new();
    let whole = std::fs::read(shared_index()).unwrap();
    for len in [whole.len() / 2, 100_000, 9_000] {
        folder.write("cut.zgr", &whole[..len]);
        for args in [&["search", "cut.zgr", "salmon"][..], &["check", "cut.zgr"]] {
            let message = folder.fails(args);
            assert!(message.contains("cut short"), "{len}: {message}");
            assert!(message.contains("rebuild the index"), "{len}: {message}");
        }
    }
}

#[test]
fn a_flipped_byte_is_found_by_check() {
    let folder = Folder::new();
    let mut bytes = std::fs::read(shared_index()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    folder.write("flipped.zgr", &bytes);
    let output = folder.run(&["check", "flipped.zgr"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("DAMAGED"), "{}", stdout(&output));
    let output = folder.run(&["check", "flipped.zgr", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_ne!(report["findings"], json!([]));
    let message = folder.fails(&["search", "flipped.zgr", "salmon"]);
    assert!(message.contains("restore the file"), "{message}");
}

#[test]
fn what_exists_is_not_overwritten_and_what_is_missing_is_named() {
    let folder = Folder::new();
    folder.write("corpus.jsonl", corpus());
    folder.write("mine.txt", "precious");
    let message = folder.fails(&["build", "corpus.jsonl", "-o", "mine.txt"]);
    assert!(message.contains("mine.txt exists already"), "{message}");
    assert_eq!(std::fs::read(folder.path("mine.txt")).unwrap(), b"precious");

    for (args, words) in [
        (
            &["build", "missing.jsonl", "-o", "a.zgr"][..],
            "missing.jsonl; check the path",
        ),
        (
            &["build", "corpus.jsonl", "missing", "-o", "a.zgr"],
            "missing; check the path",
        ),
        (
            &["build", "corpus.jsonl", "-o", "missing/a.zgr"],
            "missing is no folder: create it",
        ),
        (
            &["build", "corpus.jsonl", "-o", ".."],
            "does not name a file",
        ),
        (
            &["build", "corpus.jsonl", "-o", "mine.txt/"],
            "mine.txt exists already",
        ),
        (
            &["build", "-", "-", "-o", "a.zgr"],
            "standard input can only be read once",
        ),
        (&["search", "missing.zgr", "x"], "no index at missing.zgr"),
        (
            &["add", "missing.zgr", "corpus.jsonl"],
            "no index at missing.zgr",
        ),
        (&["check", "missing.zgr"], "no index at missing.zgr"),
        (
            &["add", shared_index(), "missing.jsonl"],
            "missing.jsonl; check the path",
        ),
        (
            &["eval", shared_index(), "missing"],
            "corpus.jsonl, queries.jsonl and qrels",
        ),
    ] {
        let message = folder.fails(args);
        assert!(message.contains(words), "{args:?}: {message}");
    }
    assert_eq!(folder.names(), ["corpus.jsonl", "mine.txt"]);
}

#[test]
fn wrong_usage_has_exit_status_2() {
    let folder = Folder::new();
    let dense = ["eval", "a.zgr", "beir", "--mode", "dense", "--rerank", "on"];
    for (args, words) in [
        (&[][..], "Usage"),
        (&["fly"], "fly"),
        (&["build", "corpus.jsonl"], "--output"),
        (&["build", "-o", "a.zgr"], "INPUTS"),
        (&["search", "a.zgr"], "QUERY"),
        (&["search", "a.zgr", "x", "-k", "many"], "many"),
        (&["build", "x", "-o", "a", "--docids", "magic"], "magic"),
        (&["build", "x", "-o", "a", "-o", "b"], "cannot be used"),
        (&dense, "--rerank on"),
    ] {
        let output = folder.run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(stdout(&output), "", "{args:?}");
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

#[test]
fn an_unusable_encoder_folder_is_named() {
    let folder = Folder::new();
    folder.write("corpus.jsonl", corpus());
    std::fs::create_dir(folder.path("hollow")).unwrap();
    folder.write("broken/model.onnx", "not a graph");
    folder.write("broken/tokenizer.json", "{}");
    let before = folder.names();
    for (encoder, words) in [
        ("nowhere", "no model folder at nowhere"),
        ("hollow", "hollow has no model.onnx"),
        ("broken", "broken"),
    ] {
        let args = ["build", "corpus.jsonl", "-o", "a.zgr", "--encoder", encoder];
        let message = folder.fails(&args);
        assert!(message.contains(words), "{message}");
        assert_eq!(folder.names(), before);
    }
}

#[test]
fn an_encoder_outside_the_index_is_missed_when_it_is_gone_or_changed() {
    let folder = Folder::new();
    folder.write("corpus.jsonl", corpus());
    let installed =
        zerogr::raw::model::cache::model_dir(zerogr::raw::model::cache::DEFAULT_MODEL).unwrap();
    copy_folder(&installed, &folder.path("encoder"));
    folder.ok(&[
        "build",
        "corpus.jsonl",
        "-o",
        "a.zgr",
        "--encoder",
        "encoder",
        "--external-encoder",
        "--no-train",
    ]);
    let size = std::fs::metadata(folder.path("a.zgr")).unwrap().len();
    assert!(size < 1_000_000, "the encoder is in the file: {size}");
    assert_eq!(folder.ids("a.zgr", "salmon")[0], "fish");

    for name in ["encoder/tokenizer.json", "encoder/model.onnx"] {
        let original = std::fs::read(folder.path(name)).unwrap();
        let mut changed = original.clone();
        *changed.last_mut().unwrap() ^= 1;
        folder.write(name, changed);
        let message = folder.fails(&["search", "a.zgr", "salmon"]);
        assert!(message.contains("put the original file back"), "{message}");
        assert!(message.contains(name), "{message}");
        std::fs::remove_file(folder.path(name)).unwrap();
        let message = folder.fails(&["search", "a.zgr", "salmon"]);
        assert!(message.contains("put the file back"), "{message}");
        assert!(message.contains(name), "{message}");
        folder.write(name, original);
    }
    assert_eq!(folder.ids("a.zgr", "salmon")[0], "fish");
}

#[test]
fn an_encoder_outside_the_index_answers_like_one_inside() {
    let folder = Folder::new();
    folder.write("corpus.jsonl", corpus());
    let build = ["build", "corpus.jsonl", "--no-train", "-o"];
    folder.ok(&[&build[..], &["inside.zgr"]].concat());
    folder.ok(&[&build[..], &["outside.zgr", "--external-encoder"]].concat());
    let answer = |index: &str| {
        let hits = folder.json(&["search", index, "salmon in a river", "--json"]);
        let one = |hit: &Value| (hit["id"].clone(), hit["score"].clone());
        let hits: Vec<(Value, Value)> = hits.as_array().unwrap().iter().map(one).collect();
        assert!(!hits.is_empty());
        hits
    };
    assert_eq!(answer("outside.zgr"), answer("inside.zgr"));
}

#[test]
fn a_failed_addition_leaves_the_index_as_it_was() {
    let folder = Folder::new();
    std::fs::copy(shared_index(), folder.path("a.zgr")).unwrap();
    let before = std::fs::read(folder.path("a.zgr")).unwrap();
    folder.write("more.jsonl", corpus() + "nonsense\n");
    folder.write("none.jsonl", "");
    let message = folder.fails(&["add", "a.zgr", "more.jsonl"]);
    assert!(message.contains("more.jsonl:13:"), "{message}");
    let nothing = folder.json(&["add", "a.zgr", "none.jsonl", "--json"]);
    assert_eq!(nothing["commit"]["added"], 0);
    assert!(before == std::fs::read(folder.path("a.zgr")).unwrap());
}

#[test]
fn a_killed_build_is_in_nobodys_way_and_cleared_away() {
    let folder = Folder::new();
    folder.write("corpus.jsonl", corpus());
    // It waits for its input, and is killed while it does.
    let mut build = folder
        .command(&["build", "-", "-o", "a.zgr"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let leftover = loop {
        let name = folder.names().into_iter().find(|name| {
            name.starts_with(".zerogr-build-") && folder.path(name).join("a.zgr").exists()
        });
        match name {
            Some(name) => break folder.path(&name),
            None => assert!(
                started.elapsed() < Duration::from_secs(300),
                "it does nothing"
            ),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    let age = || {
        let folder = std::fs::File::open(&leftover).unwrap();
        folder.set_modified(long_ago).unwrap();
    };
    if cfg!(unix) {
        age();
    }
    let other = ["build", "corpus.jsonl", "--no-train", "-o"];
    folder.ok(&[&other[..], &["other.zgr"]].concat());
    assert!(leftover.exists(), "a running build keeps its folder");
    build.kill().unwrap();
    build.wait().unwrap();
    assert!(!folder.path("a.zgr").exists());

    folder.ok(&[&other[..], &["a.zgr"]].concat());
    assert_eq!(folder.ids("a.zgr", "salmon")[0], "fish");
    if cfg!(unix) {
        assert_eq!(folder.names(), ["a.zgr", "corpus.jsonl", "other.zgr"]);
    }
}

#[cfg(unix)]
#[test]
fn what_looks_like_a_leftover_and_is_none_neither_blocks_nor_is_followed() {
    let folder = Folder::new();
    folder.write("corpus.jsonl", corpus());
    let theirs = folder.path("theirs");
    std::fs::create_dir(&theirs).unwrap();
    for name in ["lock", "kept"] {
        std::fs::write(theirs.join(name), "").unwrap();
    }
    let link = folder.path(".zerogr-build-link");
    std::os::unix::fs::symlink(&theirs, &link).unwrap();
    let piped = folder.path(".zerogr-build-piped");
    std::fs::create_dir(&piped).unwrap();
    std::fs::write(piped.join("a.zgr"), "").unwrap();
    let pipes = [folder.path(".zerogr-build-pipe"), piped.join("lock")];
    let made = std::process::Command::new("mkfifo").args(&pipes).status();
    assert!(made.unwrap().success());
    folder.ok(&["build", "corpus.jsonl", "--no-train", "-o", "a.zgr"]);
    assert!(theirs.join("lock").exists() && theirs.join("kept").exists());
    assert!(link.is_symlink() && pipes.iter().all(|pipe| pipe.exists()));
}
