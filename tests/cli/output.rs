//! What the commands print: hits, facts, and JSON everywhere.

use crate::support::command::{Folder, shared_index};
use crate::support::installed;
use serde_json::json;

#[test]
fn hits_have_id_score_docid_and_title() {
    let folder = Folder::new();
    let hits = folder.json(&["search", shared_index(), "salmon", "-k", "3", "--json"]);
    let hits = hits.as_array().unwrap();
    assert_eq!(hits.len(), 3);
    assert_eq!(hits[0]["id"], "fish");
    assert_eq!(hits[0]["title"], "Salmon migration");
    assert!(!hits[0]["docid"].as_str().unwrap().is_empty());
    let scores: Vec<f64> = hits
        .iter()
        .map(|hit| hit["score"].as_f64().unwrap())
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");

    let table = folder.ok(&["search", shared_index(), "salmon", "-k", "1"]);
    assert!(
        table.contains("fish") && table.contains("Salmon migration"),
        "{table}"
    );
    assert_eq!(
        folder.json(&["search", shared_index(), "salmon", "-k", "0", "--json"]),
        json!([])
    );
    assert_eq!(
        folder.ok(&["search", shared_index(), "salmon", "-k", "0"]),
        "no hits\n"
    );
}

#[test]
fn a_beginning_of_a_word_is_searched_for_when_asked() {
    let folder = Folder::new();
    let args = [
        "search",
        shared_index(),
        "salm",
        "--mode",
        "lexical",
        "--json",
    ];
    assert_eq!(folder.json(&args), json!([]));
    let whole = folder.json(&[
        "search",
        shared_index(),
        "salmon",
        "--mode",
        "lexical",
        "--json",
    ]);
    assert_eq!(whole[0]["id"], "fish");
    assert_eq!(folder.json(&[&args[..], &["--prefix"]].concat()), whole);
}

#[test]
fn info_check_and_doctor_print_json() {
    let folder = Folder::new();
    let info = folder.json(&["info", shared_index(), "--json"]);
    assert_eq!(
        (&info["documents"], &info["segments"]),
        (&json!(12), &json!(1))
    );
    assert_eq!(info["parameters"]["encoder"]["dim"], 384);
    for level in ["headers", "structure", "full"] {
        let report = folder.json(&["check", shared_index(), "--level", level, "--json"]);
        assert_eq!(report["findings"], json!([]), "{level}");
    }
    let doctor = folder.json(&["doctor", "--json"]);
    assert_eq!(doctor["ok"], true);
    assert_eq!(folder.json(&["setup", "--json"])["changed"], false);
}

#[test]
fn the_version_and_the_help_are_no_failures() {
    let folder = Folder::new();
    assert!(
        folder
            .ok(&["--version"])
            .contains(env!("CARGO_PKG_VERSION"))
    );
    let help = folder.ok(&["--help"]);
    for command in [
        "setup", "doctor", "demo", "build", "add", "train", "search", "info", "check", "eval",
    ] {
        assert!(help.contains(command), "{command}");
        folder.ok(&[command, "--help"]);
    }
}

/// Documents whose every text would have a terminal do something.
fn hostile_corpus() -> String {
    [
        json!({"_id": "a\x1b]0;title\x07\r\nb", "title": "red \x1b[31m\nline\u{9b}2J",
               "text": "salmon\r\nriver \x1b[8m\u{202e}", "tags": ["t\x1b[m"],
               "docid": ["salmon \x1b[1m river"]}),
        json!({"_id": "plain", "title": "tab\there", "text": "bread dough"}),
    ]
    .map(|document| document.to_string() + "\n")
    .concat()
}

/// Asserts that a terminal would only show `text`.
#[track_caller]
fn assert_shown(text: &str) {
    let obeyed = |c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}';
    assert!(!text.contains(obeyed), "{text:?}");
}

#[test]
fn what_a_terminal_would_obey_is_shown_and_a_document_is_a_line() {
    let folder = Folder::new();
    folder.write("in.jsonl", hostile_corpus());
    folder.ok(&["build", "in.jsonl", "-o", "a.zgr", "--no-train"]);
    let id = "a\x1b]0;title\x07\r\nb";
    let list = folder.ok(&["list", "a.zgr"]);
    assert_shown(&list);
    assert_eq!(
        list,
        "a␛]0;title␇␍␊b\tred ␛[31m␊line\\u{9b}2J\nplain\ttab␉here\n"
    );
    let get = folder.ok(&["get", "a.zgr", id]);
    assert_shown(&get);
    assert!(get.ends_with("\nsalmon\nriver ␛[8m\\u{202e}\n"), "{get:?}");
    let hits = folder.ok(&["search", "a.zgr", "salmon", "--explain"]);
    assert_shown(&hits);
    assert!(hits.contains("a␛]0;title␇␍␊b"), "{hits:?}");
    let message = folder.fails(&["get", "a.zgr", "no\x1b[31mne\nzerogr: fine"]);
    assert_shown(&message);
    assert_eq!(message.lines().count(), 1);
    let output = folder.run(&["list", "--\x1b[31m"]);
    assert_eq!(output.status.code(), Some(2));
    assert_shown(&installed::stderr(&output));

    // JSON holds what came, and a terminal shows it too.
    let lines = folder.ok(&["list", "a.zgr", "--json"]);
    assert_shown(&lines);
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["_id"], id);
    assert_eq!(first["text"], "salmon\r\nriver \x1b[8m\u{202e}");
}

#[cfg(unix)]
#[test]
fn paths_that_are_not_unicode_are_shown() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = Folder::new();
    let name = OsStr::from_bytes(b"b\xffd\x1b.zgr");
    std::fs::copy(shared_index(), folder.path("").join(name)).unwrap();
    for args in [
        &["info", "--json"][..],
        &["info"],
        &["check", "--json"],
        &["list"],
    ] {
        let output = folder.command(args).arg(name).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
        assert_shown(&installed::stdout(&output));
    }
    let info = folder.command(&["info", "--json"]).arg(name).output();
    let info: serde_json::Value = serde_json::from_slice(&info.unwrap().stdout).unwrap();
    assert!(
        info["index"]
            .as_str()
            .unwrap()
            .ends_with("b\u{fffd}d\x1b.zgr")
    );
    // And a cache folder of such a name.
    let home = folder.path("").join(OsStr::from_bytes(b"h\xff"));
    std::os::unix::fs::symlink(installed::home(), &home).unwrap();
    for args in [&["doctor"][..], &["doctor", "--json"], &["setup", "--json"]] {
        let output = folder.command(args).env("ZEROGR_HOME", &home).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn streams_that_take_nothing_are_no_panic_and_undo_nothing() {
    let folder = Folder::new();
    std::fs::copy(shared_index(), folder.path("a.zgr")).unwrap();
    let full = || {
        std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap()
    };
    // Nobody hears that one id is unknown; the status says that the command did its work.
    let status = folder
        .command(&["delete", "a.zgr", "fish", "unknown"])
        .stderr(full())
        .status();
    assert_eq!(status.unwrap().code(), Some(0));
    let status = folder
        .command(&["get", "a.zgr", "fish"])
        .stderr(full())
        .status();
    assert_eq!(status.unwrap().code(), Some(1));
    // The commit is made, and its result could not be printed.
    let output = folder
        .command(&["delete", "a.zgr", "moon"])
        .stdout(full())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(installed::stderr(&output).contains("cannot write to standard output"));
    folder.fails(&["get", "a.zgr", "moon"]);
    // Closed from the start.
    let status = std::process::Command::new("sh")
        .args(["-c", "exec \"$0\" get a.zgr fish >&- 2>&-"])
        .arg(env!("CARGO_BIN_EXE_zerogr"))
        .current_dir(folder.path(""))
        .status();
    assert_eq!(status.unwrap().code(), Some(1));
}
