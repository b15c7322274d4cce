//! What the tests of the store on real files share.

// Each test program uses a part of it.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use zerogr::Result;
use zerogr::raw::format::{
    ExtentKind, ExtentRef, Manifest, SectionInput, SectionKind, SegmentEntry,
};
use zerogr::raw::store::{Backend, CreateOptions, MemoryBackend, Snapshot, Store, Transaction};

pub const BODY: SectionKind = SectionKind(1);

pub const SEED: CreateOptions = CreateOptions {
    seed: Some(7),
    application_id: 0,
};

pub fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.zgr");
    (directory, path)
}

pub fn append(transaction: &mut Transaction, body: &[u8]) -> Result<ExtentRef> {
    let section = SectionInput {
        kind: BODY,
        encoding: 1,
        entry_count: body.len() as u64,
        bytes: Cow::Borrowed(body),
    };
    transaction.append(ExtentKind::Segment, &[section])
}

pub fn push_segment(manifest: &mut Manifest, segment: ExtentRef) {
    manifest.segments.push(SegmentEntry {
        id: manifest.next_segment_id,
        level: 0,
        doc_count: 1,
        dead_count: 0,
        docid_count: 1,
        segment,
        heads: None,
        tombstones: None,
        pseudo_queries: None,
    });
    manifest.next_segment_id += 1;
}

/// Commits one segment more; gives the generation.
pub fn add(mut transaction: Transaction, body: &[u8]) -> Result<u64> {
    let segment = append(&mut transaction, body)?;
    let mut manifest = transaction.base().clone();
    push_segment(&mut manifest, segment);
    Ok(transaction.commit(manifest)?.generation)
}

/// Commits one segment in place of all others, which become dead.
pub fn replace_all(mut transaction: Transaction, body: &[u8]) -> Result<u64> {
    let segment = append(&mut transaction, body)?;
    let mut manifest = transaction.base().clone();
    manifest.segments.clear();
    push_segment(&mut manifest, segment);
    Ok(transaction.commit(manifest)?.generation)
}

pub fn bodies_of(snapshot: &Snapshot) -> Vec<Vec<u8>> {
    let body = |entry: &SegmentEntry| {
        let extent = snapshot.extent(&entry.segment).unwrap();
        extent.section(BODY).unwrap().to_vec()
    };
    snapshot.manifest().segments.iter().map(body).collect()
}

pub fn bodies(store: &Store) -> Vec<Vec<u8>> {
    bodies_of(&store.snapshot())
}

pub fn names(directory: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().file_name().into_string().unwrap()
    };
    let mut names: Vec<_> = std::fs::read_dir(directory).unwrap().map(name).collect();
    names.sort();
    names
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
    /// Starts the test function `helper` of the running program in the given role.
    pub fn start(role: &str, path: &Path) -> Helper {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "helper", "--nocapture", "--test-threads=1"])
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

/// A small file system of its own; needs privileges.
pub struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    /// `None`, with a message, where it cannot be mounted.
    pub fn mount(size: &str) -> Option<Tmpfs> {
        let directory = tempfile::tempdir().unwrap();
        let options = format!("size={size},mode=755");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "zerogr-test"])
            .arg(directory.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Tmpfs(directory));
        }
        eprintln!("skipped: a tmpfs cannot be mounted here");
        None
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn make_read_only(&self) -> bool {
        Command::new("mount")
            .args(["-o", "remount,ro"])
            .arg(self.path())
            .status()
            .is_ok_and(|status| status.success())
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// What reaches the disk, in order.
#[derive(Debug, Default)]
pub struct Recording {
    pub inner: MemoryBackend,
    pub log: parking_lot::Mutex<Vec<Event>>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Write(u64, Vec<u8>),
    Sync,
}

impl Backend for Recording {
    fn read_exact_at(&self, buffer: &mut [u8], off_bytes: u64) -> io::Result<()> {
        self.inner.read_exact_at(buffer, off_bytes)
    }

    fn write_all_at(&self, bytes: &[u8], off_bytes: u64) -> io::Result<()> {
        self.log
            .lock()
            .push(Event::Write(off_bytes, bytes.to_vec()));
        self.inner.write_all_at(bytes, off_bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.log.lock().push(Event::Sync);
        Ok(())
    }

    fn len_bytes(&self) -> io::Result<u64> {
        self.inner.len_bytes()
    }

    fn path(&self) -> &Path {
        self.inner.path()
    }
}
