//! The command-line program, and what it installs: ONNX Runtime and models.
#![allow(dead_code, clippy::unwrap_used)]

use std::path::PathBuf;
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
