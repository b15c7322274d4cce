//! Power cuts, one to three after another, on a disk that loses, tears, zeroes, scrambles and
//! reorders whatever was not synced: every acknowledged commit is there, and at most the one in
//! flight besides. A million images in a few
//! seconds; for ten million,
//!
//! ```text
//! ZEROGR_HISTORIES=640000 cargo test --test fault power_cut -- --nocapture
//! ```

use std::time::Instant;

use crate::support::fault::history::{Tally, history};
use crate::support::fault::{Lie, Random};
use rayon::prelude::*;

/// About sixteen images each.
const HISTORIES: u64 = 65_000;

#[test]
fn every_acknowledged_commit_survives_any_series_of_power_cuts() {
    // ZF-CM-02, ZF-CM-03, ZF-CM-06
    let count = std::env::var("ZEROGR_HISTORIES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(HISTORIES);
    let start = Instant::now();
    let tally = (0..count)
        .into_par_iter()
        .map(|seed| {
            history(Random::new(seed), Lie::None)
                .unwrap_or_else(|what| panic!("history {seed}: {what}"))
        })
        .reduce(Tally::default, Tally::plus);
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{tally:?}, {:.0} images per second",
        tally.images as f64 / seconds
    );
    assert!(tally.images >= 15 * count);
    // The images are not all alike.
    assert!(tally.arrived > tally.images / 20 && tally.passed_over > tally.images / 100);
}

/// A checker that finds nothing proves nothing: each of these protocols is broken, and it says so.
#[test]
fn broken_protocols_are_caught() {
    for lie in [Lie::DataSync, Lie::SlotSync, Lie::SlotFirst, Lie::OneSlot] {
        let caught = (0..1000)
            .into_par_iter()
            .filter(|&seed| history(Random::new(seed), lie).is_err())
            .count();
        println!("{lie:?}: caught in {caught} of 1000 histories");
        assert!(caught > 10, "{lie:?} was caught {caught} times only");
    }
}
