//! The disk: bytes that programs see, bytes that are on the platter, and what lies between.

use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use zerogr::raw::store::Backend;

/// What a disk writes whole or not at all, unless an image says otherwise.
pub const SECTOR: usize = 512;

/// The first extent; before it lie slots and header.
const FIRST_EXTENT: usize = 12_288;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Read,
    Length,
    Prepare,
    Write,
    Sync,
}

impl Call {
    /// Whether a failure leaves unknown what is on the disk.
    pub fn changes_the_disk(self) -> bool {
        matches!(self, Call::Write | Call::Sync)
    }
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// EIO, nothing done.
    Io,
    /// ENOSPC, nothing done; other calls than writes fail with EIO.
    NoSpace,
    /// EIO after half of the bytes were written.
    Short,
    /// The power is cut in the middle of the call: what it wrote may or may not have arrived.
    PowerCut,
}

/// Which call fails, counted from 0 over all kinds of calls, and whether all later ones do too.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub at: usize,
    pub forever: bool,
    pub fault: Fault,
}

/// A broken disk or, what comes to the same, a broken protocol: the checker must notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    None,
    /// The sync between extents and superblock does nothing.
    DataSync,
    /// The sync after the superblock does nothing.
    SlotSync,
    /// The superblock reaches the platter before the extents it needs.
    SlotFirst,
    /// Both superblocks are written to the same slot.
    OneSlot,
}

/// One sector as one write left it.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) sector: usize,
    pub(super) bytes: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) durable: Vec<u8>,
    pub(super) current: Vec<u8>,
    /// What was written since the last sync, in order; of a sector there may be several.
    pub(super) unsynced: Vec<Version>,
    /// Length of the file with a write under way.
    pub(super) grown_to: usize,
    plan: Option<Plan>,
    lie: Lie,
    calls: usize,
    failed: Option<Call>,
}

#[derive(Debug)]
pub struct Disk(pub(super) Mutex<Inner>);

impl Disk {
    pub fn new(image: Vec<u8>) -> Arc<Self> {
        Disk::with(image, None, Lie::None)
    }

    pub fn with(image: Vec<u8>, plan: Option<Plan>, lie: Lie) -> Arc<Self> {
        Arc::new(Disk(Mutex::new(Inner {
            grown_to: image.len(),
            durable: image.clone(),
            current: image,
            unsynced: Vec::new(),
            plan,
            lie,
            calls: 0,
            failed: None,
        })))
    }

    /// No further failures.
    pub fn heal(&self) {
        self.0.lock().plan = None;
    }

    pub fn calls(&self) -> usize {
        self.0.lock().calls
    }

    /// The call that failed first.
    pub fn failed(&self) -> Option<Call> {
        self.0.lock().failed
    }

    /// What programs see.
    pub fn current(&self) -> Vec<u8> {
        self.0.lock().current.clone()
    }

    /// What is certain to be there after a power cut.
    pub fn durable(&self) -> Vec<u8> {
        self.0.lock().durable.clone()
    }
}

impl Inner {
    fn call(&mut self, call: Call) -> Option<Fault> {
        let number = self.calls;
        self.calls += 1;
        let plan = self.plan?;
        let fails = number == plan.at || (plan.forever && number > plan.at);
        if fails && self.failed.is_none() {
            self.failed = Some(call);
        }
        fails.then_some(plan.fault)
    }

    fn fail(&mut self, call: Call) -> io::Result<()> {
        match self.call(call) {
            None => Ok(()),
            Some(fault) => Err(error(fault, call)),
        }
    }

    fn write(&mut self, bytes: &[u8], off: usize) {
        let end = off + bytes.len();
        if self.current.len() < end {
            self.current.resize(end, 0);
        }
        self.current[off..end].copy_from_slice(bytes);
        self.note(bytes, off);
    }

    /// Notes the sectors of a write as under way, each whole: a disk knows no smaller writes.
    fn note(&mut self, bytes: &[u8], off: usize) {
        let end = off + bytes.len();
        self.grown_to = self.grown_to.max(end);
        for sector in off / SECTOR..end.div_ceil(SECTOR) {
            let start = sector * SECTOR;
            let stop = (start + SECTOR).min(self.grown_to);
            let before = self.current.get(start..stop.min(self.current.len()));
            let mut content = before.unwrap_or_default().to_vec();
            content.resize(stop - start, 0);
            let (from, to) = (off.max(start), end.min(stop));
            content[from - start..to - start].copy_from_slice(&bytes[from - off..to - off]);
            self.unsynced.push(Version {
                sector,
                bytes: content,
            });
        }
    }

    fn sync(&mut self) {
        self.durable.resize(self.current.len(), 0);
        for version in self.unsynced.drain(..) {
            let start = version.sector * SECTOR;
            self.durable[start..start + version.bytes.len()].copy_from_slice(&version.bytes);
        }
    }
}

fn error(fault: Fault, call: Call) -> io::Error {
    match (fault, call) {
        (Fault::NoSpace, Call::Write) => io::ErrorKind::StorageFull.into(),
        (Fault::PowerCut, _) => io::Error::other("power cut"),
        _ => io::Error::other("input/output error"),
    }
}

fn is_slot(off: usize) -> bool {
    off < 8192
}

impl Backend for Disk {
    fn read_exact_at(&self, buffer: &mut [u8], off_bytes: u64) -> io::Result<()> {
        let mut disk = self.0.lock();
        disk.fail(Call::Read)?;
        let off = usize::try_from(off_bytes).map_err(io::Error::other)?;
        let source = off
            .checked_add(buffer.len())
            .and_then(|end| disk.current.get(off..end));
        buffer.copy_from_slice(source.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn prepare_write(&self) -> io::Result<()> {
        self.0.lock().fail(Call::Prepare)
    }

    fn write_all_at(&self, bytes: &[u8], off_bytes: u64) -> io::Result<()> {
        let mut disk = self.0.lock();
        let mut off = off_bytes as usize;
        if disk.lie == Lie::OneSlot && is_slot(off) && bytes.len() <= SECTOR {
            off = 0;
        }
        if let Some(fault) = disk.call(Call::Write) {
            match fault {
                // A sector is whole even when a write is not.
                Fault::Short => disk.write(&bytes[..bytes.len() / 2 / SECTOR * SECTOR], off),
                Fault::PowerCut => disk.note(bytes, off),
                Fault::Io | Fault::NoSpace => {}
            }
            return Err(error(fault, Call::Write));
        }
        if disk.lie == Lie::SlotFirst && is_slot(off) && !disk.durable.is_empty() {
            disk.durable[off..off + bytes.len()].copy_from_slice(bytes);
        }
        disk.write(bytes, off);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.0.lock();
        disk.fail(Call::Sync)?;
        let has_slot = disk.unsynced.iter().any(|v| is_slot(v.sector * SECTOR));
        let is_creating = disk.durable.len() <= FIRST_EXTENT;
        let ignored = match disk.lie {
            Lie::None | Lie::OneSlot => false,
            Lie::DataSync | Lie::SlotFirst => !has_slot,
            Lie::SlotSync => has_slot,
        };
        if is_creating || !ignored {
            disk.sync();
        }
        Ok(())
    }

    fn len_bytes(&self) -> io::Result<u64> {
        let mut disk = self.0.lock();
        disk.fail(Call::Length)?;
        Ok(disk.current.len() as u64)
    }

    fn path(&self) -> &Path {
        Path::new("(disk)")
    }
}
