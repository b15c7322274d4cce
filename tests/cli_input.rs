//! What the command line takes in, good and bad: every input has an answer, an exit status and,
//! where something is wrong, a message that says what to do.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use common::{stderr, stdout, zerogr};
use serde_json::{Value, json};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        common::setup();
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Runs `zerogr ARGS` in this folder.
    fn run(&self, args: &[&str]) -> Output {
        let mut command = zerogr();
        command.current_dir(self.0.path()).args(args);
        command.output().unwrap()
    }

    /// Runs a command that must succeed and prints JSON.
    fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["--json"]].concat());
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        serde_json::from_str(stdout(&output).trim()).unwrap()
    }

    /// Runs a command that must fail with exit status 1, and gives its message.
    fn failure(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {message}");
        assert!(!message.contains("panicked"), "{message}");
        message
    }

    /// Builds `a.zgr` of `corpus` without training.
    fn build(&self, corpus: &str) -> Value {
        self.write("corpus.jsonl", corpus);
        self.json(&["build", "corpus.jsonl", "-o", "a.zgr", "--no-train"])
    }
}

const CORPUS: &str = r#"{"_id": "wing", "title": "Wing flutter", "text": "Slender wings flutter at supersonic speed."}
{"id": 7, "contents": "Heat transfer through a turbulent boundary layer.", "tags": ["physics", "2024"], "year": 1968}
{"_id": "fish", "doc": "Migration of salmon depends on river temperature.", "docid": ["salmon migration river", "river salmon"], "tags": "biology"}
"#;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn ids(hits: &Value) -> Vec<&str> {
    let hits = hits.as_array().unwrap();
    hits.iter().map(|hit| hit["id"].as_str().unwrap()).collect()
}

#[test]
fn json_lines_are_indexed_searched_and_listed() {
    let folder = Folder::new();
    let built = folder.build(CORPUS);
    assert_eq!(built["documents"], 3);
    assert_eq!(built["commit"]["added"], 3);

    let hits = folder.json(&["search", "a.zgr", "salmon in rivers"]);
    assert_eq!(hits[0]["id"], "fish");
    assert!(hits[0]["docid"].as_str().unwrap().contains("salmon"));
    for key in ["id", "score", "docid", "title"] {
        assert!(hits[0].get(key).is_some(), "{key}");
    }
    assert_eq!(ids(&hits).len(), 3);
    assert_eq!(
        folder
            .json(&["search", "a.zgr", "heat", "-k", "1"])
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let tagged = [
        "search",
        "a.zgr",
        "salmon",
        "--filter-tag",
        "physics",
        "--filter-not-tag",
        "biology",
    ];
    assert_eq!(ids(&folder.json(&tagged)), ["7"]);

    let document = folder.json(&["get", "a.zgr", "7"]);
    assert_eq!(document["year"], 1968);
    assert_eq!(document["tags"], json!(["physics", "2024"]));
    let listed = folder.run(&["list", "a.zgr", "--json"]);
    folder.write("again.jsonl", &listed.stdout);
    let again = folder.json(&["build", "again.jsonl", "-o", "again.zgr", "--no-train"]);
    assert_eq!(again["documents"], 3, "what list prints, build reads");
}

#[test]
fn gzip_several_files_standard_input_and_folders_are_read() {
    let folder = Folder::new();
    let lines: Vec<&str> = CORPUS.lines().collect();
    folder.write("one.jsonl.gz", gzip(lines[0]));
    folder.write("two.jsonl", lines[1]);
    let built = folder.json(&[
        "build",
        "one.jsonl.gz",
        "two.jsonl",
        "-o",
        "files.zgr",
        "--no-train",
    ]);
    assert_eq!(built["documents"], 2);

    let mut command = zerogr();
    command.current_dir(folder.0.path());
    command.args(["add", "files.zgr", "-", "--json"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines[2].as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let added: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(added["documents"], 3);

    folder.write("notes/wings.md", "# Wings\n\nThey flutter.");
    folder.write("notes/deep/fish.txt", "Salmon migrate.");
    folder.write("notes/picture.png", b"\x89PNG");
    let built = folder.json(&["build", "notes", "-o", "notes.zgr", "--no-train"]);
    assert_eq!(built["documents"], 2);
    let hits = folder.json(&["search", "notes.zgr", "salmon"]);
    assert_eq!(hits[0]["id"], "deep/fish.txt");
}

#[test]
fn a_trained_build_is_reproducible_and_measurable() {
    let folder = Folder::new();
    folder.write("data/corpus.jsonl", CORPUS);
    folder.write("data/queries.jsonl", "{\"_id\": \"q1\", \"text\": \"salmon migration\"}\n{\"_id\": \"q2\", \"text\": \"flutter of wings\"}\n");
    folder.write(
        "data/qrels/test.tsv",
        "query-id\tcorpus-id\tscore\nq1\tfish\t1\nq2\twing\t1\n",
    );
    for name in ["a.zgr", "b.zgr"] {
        folder.json(&["build", "data/corpus.jsonl", "-o", name, "--seed", "5"]);
    }
    let bytes = |name| std::fs::read(folder.path(name)).unwrap();
    assert_eq!(bytes("a.zgr"), bytes("b.zgr"));

    let measured = folder.json(&["eval", "a.zgr", "data", "--run", "run.trec"]);
    for key in ["nDCG@10", "Acc@1", "Recall@100"] {
        assert_eq!(measured[key], 1.0, "{key}");
    }
    let run = String::from_utf8(bytes("run.trec")).unwrap();
    assert_eq!(run.lines().count(), 6);
    assert!(run.lines().all(|line| line.split_whitespace().count() == 6));
    assert!(run.starts_with("q1 Q0 fish 1 "));
    folder.json(&[
        "eval", "a.zgr", "data", "--mode", "dense", "--rerank", "off",
    ]);

    let trained = folder.json(&["train", "a.zgr", "--seed", "6"]);
    assert_eq!(trained["seed"], 6);
    let info = folder.json(&["info", "a.zgr"]);
    assert_eq!(info["documents"], 3);
    let check = folder.json(&["check", "a.zgr"]);
    assert_eq!(
        (&check["findings"], &check["at_risk"]),
        (&json!([]), &json!([]))
    );
}

#[test]
fn documents_are_updated_deleted_and_merged() {
    let folder = Folder::new();
    folder.build(CORPUS);
    folder.write(
        "new.jsonl",
        r#"{"_id": "fish", "text": "Penguins of the antarctic."}"#,
    );
    let added = folder.json(&["add", "a.zgr", "new.jsonl"]);
    assert_eq!(
        (&added["documents"], &added["commit"]["replaced"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(
        folder.json(&["get", "a.zgr", "fish"])["text"],
        "Penguins of the antarctic."
    );
    let deleted = folder.json(&["delete", "a.zgr", "wing", "nobody"]);
    assert_eq!(
        (&deleted["deleted"], &deleted["unknown"]),
        (&json!(1), &json!(["nobody"]))
    );
    assert!(folder.failure(&["get", "a.zgr", "wing"]).contains("wing"));
    folder.json(&["merge", "a.zgr"]);
    let info = folder.json(&["info", "a.zgr"]);
    assert_eq!(
        (&info["documents"], &info["segments"]),
        (&json!(2), &json!(1))
    );
    let copied = folder.run(&["backup", "a.zgr", "copy.zgr"]);
    assert!(copied.status.success(), "{}", stderr(&copied));
    let vacuumed = folder.json(&["vacuum", "a.zgr"]);
    assert!(vacuumed["after_bytes"].as_u64() < vacuumed["before_bytes"].as_u64());
    folder.json(&["vacuum", "copy.zgr", "--into", "compact.zgr"]);
    for name in ["a.zgr", "copy.zgr", "compact.zgr"] {
        assert_eq!(folder.json(&["info", name])["documents"], 2, "{name}");
        assert_eq!(
            folder.json(&["check", name])["findings"],
            json!([]),
            "{name}"
        );
    }
    let saved = folder.json(&["recover", "a.zgr", "--into", "b.zgr"]);
    assert_eq!(
        (&saved["documents"], &saved["lost"]),
        (&json!(2), &json!([]))
    );
}

#[test]
fn bad_lines_are_named_and_nothing_is_left_behind() {
    let folder = Folder::new();
    let good = r#"{"_id": "a", "text": "wings flutter"}"#;
    let bad: [(&[u8], &str); 6] = [
        (b"{\"_id\": \"b\", \"text\": ", "bad.jsonl:2"),
        (b"[1, 2]", "bad.jsonl:2"),
        (b"{\"text\": \"no id\"}", "bad.jsonl:2"),
        (b"{\"_id\": \"\", \"text\": \"empty id\"}", "bad.jsonl:2"),
        (b"{\"_id\": \"b\", \"text\": \"\xFF\xFE\"}", "bad.jsonl:2"),
        (b"{\"_id\": \"b\", \"text\": 5}", "bad.jsonl:2"),
    ];
    for (line, place) in bad {
        let text = [good.as_bytes(), b"\n", line, b"\n"].concat();
        folder.write("bad.jsonl", text);
        let message = folder.failure(&["build", "bad.jsonl", "-o", "a.zgr", "--no-train"]);
        assert!(message.contains(place), "{message}");
        assert!(!folder.path("a.zgr").exists());
        let args = [
            "build",
            "bad.jsonl",
            "-o",
            "a.zgr",
            "--no-train",
            "--skip-bad-lines",
        ];
        let built = folder.json(&args);
        assert_eq!(
            (&built["documents"], &built["left_out"]),
            (&json!(1), &json!(1))
        );
        std::fs::remove_file(folder.path("a.zgr")).unwrap();
    }
    let mut cut = gzip(&good.repeat(100));
    cut.truncate(cut.len() / 2);
    folder.write("cut.jsonl.gz", cut);
    assert!(
        folder
            .failure(&["build", "cut.jsonl.gz", "-o", "a.zgr"])
            .contains("cut.jsonl.gz")
    );
}

#[test]
fn an_empty_corpus_is_an_error_and_leaves_no_file() {
    let folder = Folder::new();
    folder.write("empty.jsonl", "\n\n");
    std::fs::create_dir(folder.path("nothing")).unwrap();
    for (input, expected) in [("empty.jsonl", "no document"), ("nothing", "no text files")] {
        let message = folder.failure(&["build", input, "-o", "a.zgr"]);
        assert!(message.contains(expected), "{message}");
        assert!(!folder.path("a.zgr").exists());
    }
    let message = folder.failure(&["build", "missing.jsonl", "-o", "a.zgr"]);
    assert!(message.contains("missing.jsonl"), "{message}");
    assert!(!folder.path("a.zgr").exists());
}

#[test]
fn odd_documents_are_indexed_and_reported() {
    let folder = Folder::new();
    let mut corpus = String::from(CORPUS);
    for line in [
        json!({"_id": "wing", "text": "the last document with an id wins"}),
        json!({"_id": "empty", "text": ""}),
        json!({"_id": "stop words", "text": "to be or not to be"}),
        json!({"_id": "huge", "text": "flutter of slender wings ".repeat(400_000)}),
        json!({"_id": "one word", "text": "x".repeat(100_000)}),
        json!({"_id": "table", "text": "| year | cod |\n|---|---|\n| 1999 | 5 |"}),
        json!({"_id": "code", "text": "fn main() { println!(\"{}\", answer(42)); }"}),
    ] {
        corpus.push_str(&format!("{line}\n"));
    }
    let built = folder.build(&corpus);
    assert_eq!(built["documents"], 9);
    assert_eq!(built["commit"]["replaced"], 1);
    assert!(built["commit"]["without_terms"].as_u64().unwrap() >= 2);
    assert_eq!(
        folder.json(&["get", "a.zgr", "wing"])["text"],
        "the last document with an id wins"
    );
    let all = folder.json(&["search", "a.zgr", "wings", "-k", "50"]);
    assert_eq!(ids(&all).len(), 9, "every document can be found");
    let long = "slender wings ".repeat(5_000);
    assert_eq!(folder.json(&["search", "a.zgr", &long])[0]["id"], "huge");
}

#[test]
fn bad_queries_and_bad_indexes_are_refused() {
    let folder = Folder::new();
    folder.build(CORPUS);
    for query in ["", "  \n"] {
        assert!(
            folder
                .failure(&["search", "a.zgr", query])
                .contains("empty")
        );
    }
    assert!(
        folder
            .failure(&["search", "missing.zgr", "x"])
            .contains("missing.zgr")
    );
    let bytes = std::fs::read(folder.path("a.zgr")).unwrap();
    folder.write("foreign.zgr", "this is a text file\n".repeat(2_000));
    folder.write("empty.zgr", "");
    folder.write("cut.zgr", &bytes[..bytes.len() / 2]);
    for command in [
        "search", "info", "check", "add", "train", "eval", "delete", "merge",
    ] {
        let rest: &[&str] = match command {
            "search" | "delete" => &["x"],
            "add" => &["corpus.jsonl"],
            "eval" => &["."],
            _ => &[],
        };
        for (name, expected) in [
            ("foreign.zgr", "not a zerogr index"),
            ("empty.zgr", "not a zerogr index"),
            ("cut.zgr", "cut short"),
        ] {
            let message = folder.failure(&[&[command, name], rest].concat());
            assert!(message.contains(expected), "{command} {name}: {message}");
        }
    }
    let exists = folder.failure(&["build", "corpus.jsonl", "-o", "a.zgr"]);
    assert!(exists.contains("exists"), "{exists}");
    assert_eq!(
        std::fs::read(folder.path("a.zgr")).unwrap(),
        bytes,
        "nothing was lost"
    );
}

#[test]
fn wrong_usage_has_its_own_exit_status() {
    let folder = Folder::new();
    for args in [
        &["search"][..],
        &["build", "a.jsonl"],
        &["unknown"],
        &["build", "a.jsonl", "-o", "x", "--docids", "poems"],
        &["search", "a.zgr", "q", "-k", "many"],
    ] {
        assert_eq!(folder.run(args).status.code(), Some(2), "{args:?}");
    }
    let doctor = folder.run(&["doctor", "--json"]);
    assert!(serde_json::from_slice::<Value>(&doctor.stdout).is_ok());
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn an_encoder_of_ones_own_may_stay_outside_and_must_stay_the_same() {
    let folder = Folder::new();
    folder.write("corpus.jsonl", CORPUS);
    let installed = common::home().join("models/all-MiniLM-L6-v2-int8");
    copy_folder(&installed, &folder.path("encoder"));
    folder.write(
        "encoder/1_Pooling/config.json",
        r#"{"word_embedding_dimension": 384, "pooling_mode_mean_tokens": true}"#,
    );
    let args = [
        "build",
        "corpus.jsonl",
        "-o",
        "a.zgr",
        "--no-train",
        "--encoder",
        "encoder",
    ];
    let inside = folder.json(&args)["file_bytes"].as_u64().unwrap();
    std::fs::rename(folder.path("a.zgr"), folder.path("inside.zgr")).unwrap();
    let outside = folder.json(&[&args[..], &["--external-encoder"]].concat());
    assert!(outside["file_bytes"].as_u64().unwrap() + 10_000_000 < inside);
    assert_eq!(folder.json(&["search", "a.zgr", "salmon"])[0]["id"], "fish");

    let model = std::fs::read_dir(folder.path("encoder")).unwrap().flatten();
    let model = model
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|e| e == "onnx"));
    let model = model.unwrap();
    let mut bytes = std::fs::read(&model).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&model, bytes).unwrap();
    let message = folder.failure(&["search", "a.zgr", "salmon"]);
    assert!(
        message.contains("encoder") || message.contains("model"),
        "{message}"
    );
    std::fs::remove_dir_all(folder.path("encoder")).unwrap();
    folder.failure(&["search", "a.zgr", "salmon"]);
    assert_eq!(
        folder.json(&["search", "inside.zgr", "salmon"])[0]["id"],
        "fish"
    );
    assert_eq!(folder.json(&["check", "a.zgr"])["findings"], json!([]));
    let missing = folder.failure(&[
        "build",
        "corpus.jsonl",
        "-o",
        "b.zgr",
        "--encoder",
        "encoder",
    ]);
    assert!(missing.contains("encoder"), "{missing}");
}
