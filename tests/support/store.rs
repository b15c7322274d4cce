//! What the tests of the store on real files share.
#![allow(dead_code)]

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use zerogr::Result;
use zerogr::raw::format::{ExtentKind, ExtentRef, SectionKind, SegmentEntry};
use zerogr::raw::store::{Backend, CreateOptions, MemoryBackend, Snapshot, Store, Transaction};

use super::segments::{push_segment, section};

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
    transaction.append(ExtentKind::Segment, &[section(BODY.0, body)])
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
