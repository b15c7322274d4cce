//! What the tests of models share: an installed runtime, and the texts of SciFact.
#![allow(dead_code, clippy::unwrap_used)]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The command-line program.
pub fn zerogr() -> Command {
    Command::new(env!("CARGO_BIN_EXE_zerogr"))
}

/// Runs `zerogr setup` once per test program: it installs what is missing and verifies the rest.
/// A test never skips because something is not installed.
pub fn setup() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        let output = zerogr().arg("setup").output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    });
}

/// The folder that holds the installed ONNX Runtime and models.
pub fn home() -> PathBuf {
    setup();
    zerogr::raw::model::cache::home().unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A file of test data.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// Title and text of the first `count` documents of SciFact.
pub fn scifact(count: usize) -> Vec<String> {
    let file = std::fs::File::open(data("scifact/corpus.jsonl.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .take(count)
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|d| {
            format!(
                "{} {}",
                d["title"].as_str().unwrap(),
                d["text"].as_str().unwrap()
            )
        })
        .collect()
}

pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
