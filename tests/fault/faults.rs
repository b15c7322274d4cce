//! A call fails, any call, once or for ever: what is found afterwards is the state before the
//! commit or after it, the handle knows what it may still do, and success is never reported for
//! what is lost. The same scenarios with the power cut at every write and sync.
//!
//! What programs do is listed in `fault/scenario.rs`.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::encoder::HashingEncoder;
use crate::support::fault::scenario::{SCENARIOS, Scenario, Session, Start};
use crate::support::fault::scenario::{document, index_options};
use crate::support::fault::{Call, Disk, Fault, Lie, Plan, Random, Seen, observe};
use rayon::prelude::*;
use zerogr::raw::store::MemoryBackend;
use zerogr::{ErrorKind, Index, OpenOptions, Result};

/// Images made of each power cut.
const IMAGES_PER_CUT: usize = 60;

/// A file's content, or that it is not an index yet, which only a file being created may be.
fn look(scenario: &Scenario, image: Vec<u8>) -> Result<Option<Seen>> {
    match observe(image) {
        Ok(seen) => Ok(Some(seen)),
        Err(error) if scenario.start == Start::Nothing => {
            assert!(error.is_not_an_index() || error.is_corrupt(), "{error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A scenario that ran without failures: the states it went through.
struct Witness {
    image: Vec<u8>,
    states: Vec<Option<Seen>>,
    calls: usize,
}

fn witness(scenario: &Scenario) -> Witness {
    let image = scenario.start.image();
    let disk = Disk::new(image.clone());
    let mut states = vec![look(scenario, image.clone()).unwrap()];
    let mut session = Session::new(disk.clone());
    for step in scenario.steps {
        step(&mut session).unwrap();
        states.push(look(scenario, disk.durable()).unwrap());
    }
    Witness {
        image,
        states,
        calls: disk.calls(),
    }
}

impl Witness {
    /// The states that may be found when step number `step` failed.
    fn may_be_found(&self, scenario: &Scenario, step: usize, found: Option<Seen>) -> bool {
        let states = &self.states[step..=step + 1];
        // An index is created in two commits: an empty store is in between.
        let is_half_created =
            scenario.name == "create an index" && found.is_some_and(|seen| seen.generation == 1);
        states.contains(&found) || is_half_created
    }
}

/// Runs a scenario with one plan; false when the plan did not come to anything.
fn fail(scenario: &Scenario, witness: &Witness, plan: Plan) -> bool {
    let place = format!("{}: {plan:?}", scenario.name);
    let disk = Disk::with(witness.image.clone(), Some(plan), Lie::None);
    let mut session = Session::new(disk.clone());
    for (number, step) in scenario.steps.iter().enumerate() {
        let result = step(&mut session);
        let Err(error) = result else {
            // Success is reported for what is on stable storage only.
            let seen = look(scenario, disk.durable()).unwrap();
            assert_eq!(seen, witness.states[number + 1], "{place}");
            let failed = disk.failed();
            assert!(!failed.is_some_and(Call::changes_the_disk), "{place}");
            continue;
        };
        let call = disk.failed().unwrap_or_else(|| panic!("{place}: {error}"));
        let wanted = match (plan.fault, call) {
            (Fault::NoSpace, Call::Write) => ErrorKind::DiskFull,
            _ => ErrorKind::Io,
        };
        assert_eq!(error.kind(), wanted, "{place}: {error}");
        disk.heal();
        for image in [disk.current(), disk.durable()] {
            let found = look(scenario, image).unwrap_or_else(|e| panic!("{place}: {e}"));
            assert!(
                witness.may_be_found(scenario, number, found),
                "{place}: {found:?}"
            );
        }
        if let Some(begun) = session.begin() {
            match call.changes_the_disk() {
                true => assert!(begun.unwrap_err().is_poisoned(), "{place}"),
                false => begun.unwrap_or_else(|e| panic!("{place}: {e}")),
            }
        }
        go_on(scenario, &disk, &place);
        return true;
    }
    disk.failed().is_some()
}

/// A new handle on the same disk continues from what is there.
fn go_on(scenario: &Scenario, disk: &std::sync::Arc<Disk>, place: &str) {
    let Some(before) = look(scenario, disk.current()).unwrap() else {
        return;
    };
    let store = zerogr::raw::store::Store::open_on(disk.clone()).unwrap();
    let transaction = store.begin().unwrap();
    let manifest = transaction.base().clone();
    transaction.commit(manifest).unwrap();
    let after = look(scenario, disk.durable()).unwrap().unwrap();
    assert_eq!(after.generation, before.generation + 1, "{place}");
    assert_eq!(after.segments, before.segments, "{place}");
}

#[test]
fn a_failure_of_any_call_leaves_the_state_before_or_after() {
    assert!(SCENARIOS.len() >= 20);
    let runs = AtomicUsize::new(0);
    SCENARIOS.par_iter().for_each(|scenario| {
        let witness = witness(scenario);
        for at in 0..witness.calls {
            for (number, forever) in [(0, false), (1, true)] {
                let faults = [Fault::Io, Fault::NoSpace, Fault::Short];
                // Through the index a run is long: each call fails in one way once, in another
                // for ever.
                let chosen = match scenario.start {
                    Start::Index => &faults[(at + number) % 3..][..1],
                    _ => &faults[..],
                };
                for &fault in chosen {
                    let plan = Plan { at, forever, fault };
                    assert!(
                        fail(scenario, &witness, plan),
                        "{}: {plan:?}",
                        scenario.name
                    );
                    runs.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    });
    println!(
        "{} scenarios, {} failures",
        SCENARIOS.len(),
        runs.into_inner()
    );
}

#[test]
fn a_power_cut_at_any_write_or_sync_leaves_the_state_before_or_after() {
    let images = AtomicUsize::new(0);
    SCENARIOS.par_iter().for_each(|scenario| {
        let witness = witness(scenario);
        for at in 0..witness.calls {
            let plan = Plan {
                at,
                forever: true,
                fault: Fault::PowerCut,
            };
            let disk = Disk::with(witness.image.clone(), Some(plan), Lie::None);
            let mut session = Session::new(disk.clone());
            let step = scenario
                .steps
                .iter()
                .position(|step| step(&mut session).is_err());
            if !disk.failed().is_some_and(Call::changes_the_disk) {
                continue;
            }
            let step = step.unwrap_or_else(|| panic!("{}: {plan:?}", scenario.name));
            let mut random = Random::new(at as u64);
            for number in 0..IMAGES_PER_CUT {
                let image = disk.image(&mut random);
                let place = format!("{}: call {at}, image {number}", scenario.name);
                let found = look(scenario, image).unwrap_or_else(|e| panic!("{place}: {e}"));
                assert!(
                    witness.may_be_found(scenario, step, found),
                    "{place}: {found:?}"
                );
                images.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    println!("{} images", images.into_inner());
}

/// The write of a commit is over before its last read. When that read fails, a second attempt
/// finds the work done.
#[test]
fn a_commit_that_fails_to_read_can_be_tried_again_and_is_done_once() {
    let backend = std::sync::Arc::new(MemoryBackend::default());
    let created = Index::create_on(backend.clone(), index_options()).unwrap();
    let generation = created.snapshot().generation();
    let mut failures = 0;
    for at in 0.. {
        let plan = Plan {
            at,
            forever: false,
            fault: Fault::Io,
        };
        let disk = Disk::with(backend.to_vec(), Some(plan), Lie::None);
        let encoder = std::sync::Arc::new(HashingEncoder::named("hashing"));
        let Ok(index) = Index::open_on(disk.clone(), OpenOptions::new().encoder(encoder)) else {
            continue;
        };
        let Ok(mut writer) = index.writer() else {
            continue;
        };
        writer.add(document(1)).unwrap();
        let result = writer.commit();
        if disk.failed().is_none() {
            break;
        }
        match (result, disk.failed()) {
            (Err(_), Some(Call::Write | Call::Sync)) => continue,
            (Err(_), _) => drop(writer.commit().unwrap()),
            (Ok(_), _) => {}
        }
        failures += 1;
        let store = zerogr::raw::store::Store::open_on(disk).unwrap();
        assert_eq!(store.manifest().generation, generation + 1, "call {at}");
        assert_eq!(index.snapshot().document_count(), 1, "call {at}");
    }
    assert!(failures > 5);
}
