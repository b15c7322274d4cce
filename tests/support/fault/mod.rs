//! A disk that fails, forgets and lies on request, and what is checked on it.
//!
//! ```text
//!   disk      a Backend in memory: fails at call N, remembers what is not synced yet
//!   image     what a power cut at this moment may leave of it
//!   observe   everything a reader can get from a file, as one comparable value
//!   scenario  the table of things programs do; a new kind of commit is added there
//!   history   power cut after power cut on one file, and the checker of what is found
//!   model     operations on an index against a map
//! ```
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

mod disk;
pub mod history;
mod image;
pub mod model;
mod observe;
pub mod scenario;

#[allow(unused_imports)] // Not every test program uses everything.
pub use disk::{Call, Disk, Fault, Lie, Plan, SECTOR};
#[allow(unused_imports)]
pub use observe::{Seen, observe, observe_index};

/// A small, fast, well-mixed generator: what it decides can be repeated from its seed, or, for a
/// fuzzer, from the bytes it is made of.
#[derive(Debug, Clone)]
pub struct Random<'a> {
    state: u64,
    bytes: &'a [u8],
}

impl<'a> Random<'a> {
    pub fn new(seed: u64) -> Self {
        Random {
            state: seed,
            bytes: &[],
        }
    }

    /// Choices are taken from `bytes`, one each, and follow from their sum when they run out.
    pub fn from_bytes(bytes: &'a [u8]) -> Self {
        let sum = |sum: u64, &byte: &u8| sum.wrapping_mul(31).wrapping_add(byte.into());
        Random {
            state: bytes.iter().fold(0, sum),
            bytes,
        }
    }

    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        if let Some((&byte, rest)) = self.bytes.split_first()
            && n <= 256
        {
            self.bytes = rest;
            return usize::from(byte) % n;
        }
        (self.next() % n as u64) as usize
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}
