//! Histories: commits until the power is cut, again and again on one file. The checker says what
//! is wrong with what is found, and does not panic, so that it can itself be tested.

use std::sync::Arc;

use zerogr::raw::format::{ExtentKind, SectionKind, SegmentEntry};
use zerogr::raw::store::{
    CreateOptions, Durability, Finding, MemoryBackend, Store, VerifyLevel, WriteLock, WriteOptions,
};

use super::super::segments::{push_segment, section};
use super::{Disk, Fault, Lie, Plan, Random};

/// Images made of each power cut.
const IMAGES_PER_CUT: usize = 8;

/// The bodies of the live segments, and their heads.
type State = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// What a history came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub images: u64,
    pub cuts: u64,
    /// Images in which the commit in flight was found.
    pub arrived: u64,
    /// Images of which a superblock slot was passed over.
    pub passed_over: u64,
}

impl Tally {
    pub fn plus(self, other: Tally) -> Tally {
        Tally {
            images: self.images + other.images,
            cuts: self.cuts + other.cuts,
            arrived: self.arrived + other.arrived,
            passed_over: self.passed_over + other.passed_over,
        }
    }
}

/// A body that is mostly short, now and then of several pages.
fn body(random: &mut Random<'_>) -> Vec<u8> {
    let len = match random.below(8) {
        0 => random.below(9000),
        1 => 0,
        _ => random.below(256),
    };
    let mut body = vec![0; len];
    random.fill(&mut body);
    body
}

/// One commit of a few changes; `wanted` becomes the state it makes.
fn commit(lock: &WriteLock, random: &mut Random<'_>, wanted: &mut State) -> zerogr::Result<()> {
    if random.below(8) == 0 {
        // What an abandoned transaction leaves behind is written over.
        let mut abandoned = lock.begin()?;
        abandoned.append(ExtentKind::Segment, &[section(1, &body(random))])?;
    }
    let mut transaction = lock.begin()?;
    let mut manifest = transaction.base().clone();
    for _ in 0..random.below(3) {
        let body = body(random);
        let segment = transaction.append(ExtentKind::Segment, &[section(1, &body)])?;
        push_segment(&mut manifest, segment);
        wanted.push((body, None));
    }
    if !wanted.is_empty() && random.below(3) == 0 {
        let body = body(random);
        let at = random.below(wanted.len());
        let heads = transaction.append(ExtentKind::Heads, &[section(1, &body)])?;
        manifest.segments[at].heads = Some(heads);
        wanted[at].1 = Some(body);
    }
    if wanted.len() > 3 || (wanted.len() > 1 && random.below(4) == 0) {
        let at = random.below(wanted.len());
        manifest.segments.remove(at);
        wanted.remove(at);
    }
    transaction.commit(manifest).map(drop)
}

/// Opens an image and reads all of it.
fn read(image: Vec<u8>) -> Result<(Store, State), String> {
    let store = Store::open_on(Arc::new(MemoryBackend::new(image)))
        .map_err(|error| format!("a bad open: {error}"))?;
    let bytes = |reference| -> zerogr::Result<Vec<u8>> {
        Ok(store.extent(&reference)?.section(SectionKind(1))?.to_vec())
    };
    let entry = |entry: &SegmentEntry| {
        let heads = entry.heads.map(bytes).transpose()?;
        Ok((bytes(entry.segment)?, heads))
    };
    let state: zerogr::Result<State> = store.manifest().segments.iter().map(entry).collect();
    let state = state.map_err(|error| format!("an extent is lost: {error}"))?;
    Ok((store, state))
}

/// One to three power cuts on one file; every image of every cut must be an acknowledged commit
/// or the one in flight, and the file goes on from one of them.
pub fn history(mut random: Random<'_>, lie: Lie) -> Result<Tally, String> {
    let random = &mut random;
    let mut tally = Tally::default();
    let disk = Disk::new(Vec::new());
    // Half of the files derive their nonces, so that a repeated attempt repeats its nonce.
    let options = CreateOptions {
        seed: (random.below(2) == 0).then_some(9),
        ..CreateOptions::default()
    };
    Store::create_on(disk.clone(), &options).unwrap();
    let mut image = disk.durable();
    let mut acknowledged = State::new();
    // Commits that do not wait for their superblock: a power cut may undo the newest of them.
    let durability = match random.below(4) {
        0 => Durability::Ordered,
        _ => Durability::Full,
    };
    for _ in 0..1 + random.below(3) {
        let plan = Plan {
            // Opening is eight calls and locking as many; a commit about eight.
            at: 16 + random.below(36),
            forever: true,
            fault: Fault::PowerCut,
        };
        let disk = Disk::with(image, Some(plan), lie);
        let store = Store::open_on(disk.clone()).map_err(|error| error.to_string())?;
        let lock = store.write_lock(&WriteOptions::new().durability(durability));
        let lock = lock.map_err(|error| error.to_string())?;
        let mut undone = acknowledged.clone();
        let attempted = loop {
            let mut wanted = acknowledged.clone();
            match commit(&lock, random, &mut wanted) {
                Ok(()) => {
                    let before = std::mem::replace(&mut acknowledged, wanted);
                    undone = match durability {
                        Durability::Ordered => before,
                        Durability::Full => acknowledged.clone(),
                    };
                }
                Err(_) => break wanted,
            }
        };
        tally.cuts += 1;
        let mut kept = None;
        for _ in 0..IMAGES_PER_CUT {
            let candidate = disk.image(random);
            let (after, found) = read(candidate.clone())?;
            if found != acknowledged && found != attempted && found != undone {
                return Err(format!(
                    "{} segments found, {} acknowledged, {} attempted",
                    found.len(),
                    acknowledged.len(),
                    attempted.len()
                ));
            }
            tally.images += 1;
            tally.arrived += u64::from(found == attempted && attempted != acknowledged);
            tally.passed_over += u64::from(!after.passed_over().is_empty());
            kept = Some((candidate, found, after));
        }
        let Some((candidate, found, after)) = kept else {
            break;
        };
        // A torn slot is to be expected. Damage to what the state reaches is not.
        let report = after.verify(VerifyLevel::Full);
        let is_slot = |finding: &Finding| finding.place.contains("slot");
        if let Some(finding) = report.findings.iter().find(|finding| !is_slot(finding)) {
            return Err(format!("{}: {}", finding.place, finding.message));
        }
        (image, acknowledged) = (candidate, found);
    }
    Ok(tally)
}
