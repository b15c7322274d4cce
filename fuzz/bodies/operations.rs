//! Operations on an index, two bytes each, compared with a map.

use super::support::fault::model::{self, Operation};

/// Enough for several commits, merges and reopenings.
const MAX_OPERATIONS: usize = 40;

pub fn run(data: &[u8]) {
    let operation = |pair: &[u8]| Operation::from_numbers(pair[0], pair[1]);
    model::run(data.chunks_exact(2).take(MAX_OPERATIONS).map(operation));
}

pub fn seeds() -> Vec<Vec<u8>> {
    vec![
        vec![],
        // Add, commit, delete, commit, snapshot, merge, vacuum, add, rollback, reopen.
        vec![
            0, 1, 0, 2, 8, 0, 6, 1, 8, 0, 13, 0, 14, 0, 15, 0, 0, 3, 11, 0, 12, 0,
        ],
        // Replaced and updated again and again.
        vec![
            0, 1, 8, 0, 5, 1, 8, 0, 0, 1, 8, 0, 13, 0, 5, 1, 14, 0, 5, 2, 6, 2, 6, 1, 8, 0,
        ],
        (0..80).map(|n: u8| n.wrapping_mul(37)).collect(),
        (0..80).map(|n: u8| n.wrapping_mul(n)).collect(),
    ]
}
