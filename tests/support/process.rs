//! This test program again, as another process.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// The running program with one of its tests, whose path begins with the name of the program as
/// `module_path!` has it.
fn this_program(test: &str) -> Command {
    let (_, test) = test.split_once("::").unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command
}

/// Runs what a test does in a process that runs nothing else: for what belongs to a whole
/// process, such as its timers, its working folder and the libraries it has loaded.
pub fn alone(test: &str, body: impl FnOnce()) {
    const IS_ALONE: &str = "ZEROGR_TEST_ALONE";
    if std::env::var_os(IS_ALONE).is_some() {
        return body();
    }
    let output = this_program(test).env(IS_ALONE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    print!("{said}");
    assert!(output.status.success(), "{said}{errors}");
    assert!(said.contains("running 1 test"), "no test is called {test}");
}

/// What a process started by [`Helper::start`] is to do; nothing in the test program itself.
pub fn role() -> Option<(String, PathBuf)> {
    let role = std::env::var("ZEROGR_TEST_ROLE").ok()?;
    Some((role, std::env::var_os("ZEROGR_TEST_PATH")?.into()))
}

/// Says something to the test that started this process.
pub fn say(line: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nSAY {line}").unwrap();
    out.flush().unwrap();
}

/// Waits until the test says something.
pub fn wait_for_go() {
    std::io::stdin()
        .lock()
        .read_line(&mut String::new())
        .unwrap();
}

/// This test program again, as another process; dies with the test.
pub struct Helper {
    pub child: Child,
    lines: BufReader<ChildStdout>,
}

impl Helper {
    /// Starts a test function of the running program, `MODULE::helper`, in the given role.
    pub fn start(helper: &str, role: &str, path: &Path) -> Helper {
        let mut child = this_program(helper)
            .env("ZEROGR_TEST_ROLE", role)
            .env("ZEROGR_TEST_PATH", path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Helper { child, lines }
    }

    /// The next thing it says; `None` once it has ended.
    pub fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        loop {
            line.clear();
            // A killed process may leave half a line.
            if self.lines.read_line(&mut line).unwrap() == 0 || !line.ends_with('\n') {
                return None;
            }
            if let Some(said) = line.strip_prefix("SAY ") {
                return Some(said.trim_end().to_owned());
            }
        }
    }

    /// Lets a helper that waits for it go on.
    pub fn go(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end, which must be a good one.
    pub fn finish(mut self) {
        while self.hear().is_some() {}
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
