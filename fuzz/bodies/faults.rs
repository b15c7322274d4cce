//! Power cuts after power cuts: the input decides what is committed, when the power goes and what
//! is left of each sector.

use super::support::fault::history::history;
use super::support::fault::{Lie, Random};

pub fn run(data: &[u8]) {
    if let Err(what) = history(Random::from_bytes(data), Lie::None) {
        panic!("{what}");
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let seed = |n: usize| {
        let mut seed = vec![0; n * 16];
        Random::new(n as u64).fill(&mut seed);
        seed
    };
    (0..12).map(seed).collect()
}
