//! Power cuts, one after another, on a disk that loses, tears, zeroes and scrambles whatever was
//! not synced: every acknowledged commit is there, and at most the one in flight besides.

#![allow(missing_docs, clippy::unwrap_used)]

use std::borrow::Cow;
use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use zerogr::format::{ExtentKind, SectionInput, SectionKind, SegmentEntry};
use zerogr::store::{Backend, CreateOptions, Store, VerifyLevel};

const SECTOR: usize = 512;

/// A small, fast, well-mixed generator: histories are named by their seed.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// What is on the platter, what programs see, and which sectors differ.
#[derive(Debug, Default)]
struct Disk {
    durable: Vec<u8>,
    current: Vec<u8>,
    unsynced: Vec<usize>,
    calls_left: usize,
}

#[derive(Debug)]
struct PowerCut(Mutex<Disk>);

impl PowerCut {
    fn new(image: Vec<u8>, calls_left: usize) -> Arc<Self> {
        let disk = Disk {
            durable: image.clone(),
            current: image,
            unsynced: Vec::new(),
            calls_left,
        };
        Arc::new(PowerCut(Mutex::new(disk)))
    }

    /// What is found after the cut.
    fn image_after(&self, random: &mut Random) -> Vec<u8> {
        let mut disk = self.0.lock();
        let mut image = disk.durable.clone();
        // Growth of the file is lost, kept, or kept in part.
        let grown = disk.current.len().saturating_sub(image.len());
        let grown = match random.below(4) {
            0 => 0,
            1 => random.below(grown + 1),
            _ => grown,
        };
        image.resize(image.len() + grown, 0);
        // Some cuts come before nearly everything was written back, some after.
        let kept_of_16 = [1, 6, 15][random.below(3)];
        disk.unsynced.sort_unstable();
        disk.unsynced.dedup();
        for &sector in &disk.unsynced {
            let start = sector * SECTOR;
            let end = (start + SECTOR).min(disk.current.len()).min(image.len());
            if start >= end {
                continue;
            }
            let (old, new) = (&mut image[start..end], &disk.current[start..end]);
            if random.below(16) < kept_of_16 {
                old.copy_from_slice(new);
                continue;
            }
            match random.below(4) {
                0 | 1 => {}
                2 => {
                    let cut = random.below(new.len() + 1);
                    old[..cut].copy_from_slice(&new[..cut]);
                }
                _ if random.below(2) == 0 => old.fill(0),
                _ => old.iter_mut().for_each(|byte| *byte = random.next() as u8),
            }
        }
        image
    }
}

impl Disk {
    fn spend(&mut self) -> io::Result<()> {
        self.calls_left = self
            .calls_left
            .checked_sub(1)
            .ok_or_else(|| io::Error::other("power cut"))?;
        Ok(())
    }
}

impl Backend for PowerCut {
    fn read_exact_at(&self, buffer: &mut [u8], off_bytes: u64) -> io::Result<()> {
        let disk = self.0.lock();
        let off = off_bytes as usize;
        let source = disk.current.get(off..off + buffer.len());
        buffer.copy_from_slice(source.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], off_bytes: u64) -> io::Result<()> {
        let mut disk = self.0.lock();
        let off = off_bytes as usize;
        let end = off + bytes.len();
        if disk.current.len() < end {
            disk.current.resize(end, 0);
        }
        disk.current[off..end].copy_from_slice(bytes);
        disk.unsynced.extend(off / SECTOR..end.div_ceil(SECTOR));
        // The cut may come while these sectors are under way, so they count as written.
        disk.spend()
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.0.lock();
        disk.spend()?;
        disk.durable = disk.current.clone();
        disk.unsynced.clear();
        Ok(())
    }

    fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.0.lock().current.len() as u64)
    }

    fn path(&self) -> &Path {
        Path::new("(power cut)")
    }
}

type State = Vec<Vec<u8>>;

fn read(store: &Store) -> State {
    let body = |entry: &SegmentEntry| {
        let extent = store.extent(&entry.segment).unwrap();
        extent.section(SectionKind(1)).unwrap().to_vec()
    };
    store.manifest().segments.iter().map(body).collect()
}

/// One commit that adds a body and sometimes drops an old one; `wanted` is the state it makes.
fn commit(store: &Store, body: &[u8], drop_first: bool, wanted: &mut State) -> zerogr::Result<()> {
    wanted.push(body.to_vec());
    let mut transaction = store.begin()?;
    let section = SectionInput {
        kind: SectionKind(1),
        encoding: 0,
        entry_count: 0,
        bytes: Cow::Borrowed(body),
    };
    let mut manifest = transaction.base().clone();
    let segment = transaction.append(ExtentKind::Segment, &[section])?;
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
    if drop_first && manifest.segments.len() > 2 {
        manifest.segments.remove(0);
        wanted.remove(0);
    }
    transaction.commit(manifest).map(drop)
}

/// One history: up to five power cuts on one file.
fn history(seed: u64) {
    let mut random = Random(seed);
    let disk = PowerCut::new(Vec::new(), usize::MAX);
    // Half of the files derive their nonces, so that a repeated attempt repeats its nonce.
    let options = CreateOptions {
        seed: seed.is_multiple_of(2).then_some(seed),
        ..CreateOptions::default()
    };
    Store::create_on(disk.clone(), &options).unwrap();
    let mut image = disk.0.lock().durable.clone();
    let mut acknowledged: State = Vec::new();
    for _ in 0..1 + random.below(5) {
        let disk = PowerCut::new(image, random.below(24));
        let store = Store::open_on(disk.clone()).unwrap();
        let attempted = loop {
            let mut wanted = acknowledged.clone();
            let body = vec![random.next() as u8; random.below(9000)];
            let result = commit(&store, &body, random.below(3) == 0, &mut wanted);
            if result.is_err() {
                break wanted;
            }
            acknowledged = wanted;
        };
        image = disk.image_after(&mut random);
        let after = Store::open_on(PowerCut::new(image.clone(), usize::MAX)).unwrap();
        let found = read(&after);
        assert!(
            found == acknowledged || found == attempted,
            "history {seed}: {} bodies found, {} acknowledged",
            found.len(),
            acknowledged.len()
        );
        let report = after.verify(VerifyLevel::Full);
        // A torn slot is to be expected. Damage to what the state reaches is not.
        let slot_only = report
            .findings
            .iter()
            .all(|finding| finding.place.contains("slot"));
        assert!(slot_only, "history {seed}: {:?}", report.findings);
        acknowledged = found;
    }
}

#[test]
fn every_acknowledged_commit_survives_any_series_of_power_cuts() {
    // ZF-CM-02, ZF-CM-03, ZF-CM-06
    let count = std::env::var("ZEROGR_HISTORIES")
        .ok()
        .and_then(|n| n.parse().ok());
    (0..count.unwrap_or(3000)).for_each(history);
}
