//! Random numbers that are the same for ever.
//!
//! Problem: a build must give the same bytes for the same input and seed, on every machine and
//! with every later version. Library generators reserve the right to change; this one is frozen.
//!
//! It is the *splitmix64* sequence: the state counts up by a fixed odd step, and every output is
//! a fixed mix of the counter. Anything drawn from it uses integer arithmetic, or a division by a
//! power of two, so no platform's floating-point library has a say.
//!
//! I1. The output for a seed never changes (pinned by tests with literal numbers).
//! I2. No draw panics; an empty range gives 0.

/// The step of the counter: 2^64 divided by the golden ratio, made odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A small, fast, reproducible generator. Not for secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rng {
    counter: u64,
}

/// The fixed mix of splitmix64.
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A stable 64-bit hash of some bytes (FNV-1a, then mixed). Not for adversaries.
pub fn stable_hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    mix(hash)
}

/// A hash of a cell of a table under a seed.
pub fn cell(seed: u64, row: u64, column: u64) -> u64 {
    let row = mix(mix(seed.wrapping_add(STEP))
        .wrapping_add(row)
        .wrapping_add(STEP));
    mix(row.wrapping_add(column).wrapping_add(STEP))
}

impl Rng {
    /// The generator for `seed`. Every seed is as good as any other.
    pub fn new(seed: u64) -> Self {
        Rng { counter: seed }
    }

    /// An independent generator for one named thing under a common seed, for example one
    /// document: the order in which things are visited then does not matter.
    pub fn for_name(seed: u64, name: &str) -> Self {
        Rng {
            counter: mix(seed.wrapping_add(STEP)) ^ stable_hash(name.as_bytes()),
        }
    }

    /// An independent generator for one cell of a table under a common seed, for example one
    /// step of one draw: no cell depends on which others were looked at.
    pub fn for_cell(seed: u64, row: u64, column: u64) -> Self {
        Rng {
            counter: cell(seed, row, column),
        }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(STEP);
        mix(self.counter)
    }

    /// A uniform number in `0..bound`, without bias. 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        // The high half of a 64x64-bit product is uniform once the few low halves below
        // 2^64 mod bound are drawn again.
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// A uniform index in `0..len`. 0 when `len` is 0.
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// A uniform number in `low..=high`; `low` when the range is empty.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        if high <= low {
            return low;
        }
        low + self.index(high - low + 1)
    }

    /// A uniform number in `[0, 1)` with 53 random bits.
    pub fn unit_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A uniform number in `[0, 1)` with 24 random bits.
    pub fn unit_f32(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 / (1_u32 << 24) as f32
    }

    /// Puts `items` in random order (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.index(last + 1);
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_pinned() {
        // First outputs of splitmix64 for the seed 1234567, as published with the algorithm.
        let mut rng = Rng::new(1_234_567);
        assert_eq!(rng.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next_u64(), 3_203_168_211_198_807_973);
        assert_eq!(rng.next_u64(), 9_817_491_932_198_370_423);
        assert_eq!(Rng::new(0).next_u64(), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn names_give_independent_streams() {
        let a = Rng::for_name(1, "doc-1").next_u64();
        assert_eq!(a, Rng::for_name(1, "doc-1").next_u64());
        assert_ne!(a, Rng::for_name(1, "doc-2").next_u64());
        assert_ne!(a, Rng::for_name(2, "doc-1").next_u64());
    }

    #[test]
    fn cells_give_independent_streams() {
        let mut first = std::collections::HashSet::new();
        for (seed, row, column) in (0..1_000).map(|i| (i / 100, i / 10 % 10, i % 10)) {
            assert!(first.insert(Rng::for_cell(seed, row, column).next_u64()));
        }
        assert_eq!(Rng::for_cell(1, 2, 3).next_u64(), 2_399_657_773_382_937_285);
    }

    #[test]
    fn bounds_hold_and_every_value_occurs() {
        let mut rng = Rng::new(7);
        let mut seen = [0_u32; 6];
        for _ in 0..6_000 {
            seen[rng.index(6)] += 1;
        }
        assert!(
            seen.iter().all(|count| (800..1_200).contains(count)),
            "{seen:?}"
        );
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.below(1), 0);
        assert_eq!(rng.between(5, 3), 5);
        for _ in 0..1_000 {
            assert!((3..=9).contains(&rng.between(3, 9)));
            assert!((0.0..1.0).contains(&rng.unit_f64()));
            assert!((0.0..1.0).contains(&rng.unit_f32()));
        }
    }

    #[test]
    fn shuffle_is_a_permutation() {
        let mut items: Vec<u32> = (0..100).collect();
        Rng::new(3).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
