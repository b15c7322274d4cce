//! What the tests of the command line share: a folder to work in, and a dozen documents.
#![allow(dead_code, clippy::unwrap_used)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::installed::{self, stderr, stdout, zerogr};

/// Id, title and text of a dozen documents that have nothing in common.
pub const DOCUMENTS: [(&str, &str, &str); 12] = [
    (
        "wing",
        "Wing flutter",
        "Slender wings vibrate at supersonic speed in the tunnel.",
    ),
    (
        "heat",
        "Heat transfer",
        "A hot plate loses its warmth to a turbulent stream of air.",
    ),
    (
        "gene",
        "Gene expression",
        "Yeast cells change which genes they read under osmotic stress.",
    ),
    (
        "brain",
        "Sleep and memory",
        "The hippocampus replays the day while we sleep.",
    ),
    (
        "fish",
        "Salmon migration",
        "Salmon swim up the river to spawn when the water is cold.",
    ),
    (
        "bread",
        "Sourdough",
        "Flour, water and wild yeast make a dough that rises slowly.",
    ),
    (
        "bank",
        "Interest rates",
        "The central bank raises rates to slow inflation.",
    ),
    (
        "moon",
        "Lunar craters",
        "Meteorites left craters on the surface of the moon.",
    ),
    (
        "piano",
        "Tuning a piano",
        "Strings are tightened until the octaves sound pure.",
    ),
    (
        "vote",
        "Elections",
        "Parliament seats are shared out by the number of votes.",
    ),
    (
        "bees",
        "Pollination",
        "Honey bees carry pollen from flower to flower.",
    ),
    (
        "rail",
        "Railway gauges",
        "The distance between the rails differs from country to country.",
    ),
];

/// The documents as JSON lines.
pub fn corpus() -> String {
    let line = |(id, title, text): (&str, &str, &str)| {
        json!({"_id": id, "title": title, "text": text}).to_string() + "\n"
    };
    DOCUMENTS.into_iter().map(line).collect()
}

/// The index of [`DOCUMENTS`], trained, made once per test program and left in the target folder.
pub fn shared_index() -> &'static str {
    static MADE: OnceLock<String> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Folder::new();
        folder.write("corpus.jsonl", corpus());
        let name = concat!(env!("CARGO_CRATE_NAME"), ".zgr");
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_file(&path);
        let path = path.into_os_string().into_string().unwrap();
        folder.ok(&["build", "corpus.jsonl", "-o", &path]);
        path
    })
}

/// A temporary folder that commands are run in.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Folder {
        installed::setup();
        Folder(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Names of what is in the folder, hidden ones included.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = zerogr();
        command.current_dir(self.0.path()).args(args);
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command with standard input.
    pub fn run_with_input(&self, args: &[&str], input: &[u8]) -> Output {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Runs a command that must succeed; its standard output.
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{args:?}: {}",
            stderr(&output)
        );
        stdout(&output)
    }

    /// Runs a command that must succeed and print one JSON value.
    pub fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(args)).unwrap()
    }

    /// Runs a command that must fail with exit status 1, print nothing to standard output and one
    /// message of ours to standard error: the message.
    pub fn fails(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {message}");
        assert_eq!(stdout(&output), "", "{args:?}");
        assert!(message.starts_with("zerogr: "), "{args:?}: {message}");
        assert!(!message.contains("panicked"), "{args:?}: {message}");
        message
    }

    /// The ids that a search finds, best first.
    pub fn ids(&self, index: &str, query: &str) -> Vec<String> {
        let hits = self.json(&["search", index, query, "--json"]);
        let id = |hit: &Value| hit["id"].as_str().unwrap().to_owned();
        hits.as_array().unwrap().iter().map(id).collect()
    }
}

/// Packs bytes with gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A copy of a folder with everything below.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
