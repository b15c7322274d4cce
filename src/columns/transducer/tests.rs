use super::*;
use fst::Streamer;
use fst::raw::{Builder, Fst};
use proptest::prelude::*;

fn built(keys: &std::collections::BTreeSet<Vec<u8>>) -> Vec<u8> {
    let mut builder = Builder::memory();
    for (rank, key) in (0..).zip(keys) {
        builder.insert(key, rank).unwrap();
    }
    builder.into_inner().unwrap()
}

const MAX_LEN_BYTES: usize = 128;

proptest! {
    /// Few and many transitions, short and long addresses, common inputs and others.
    #[test]
    fn every_state_and_key_is_the_one_that_fst_reads(
        keys in prop::collection::btree_set(prop::collection::vec(
            prop_oneof![Just(b'e'), Just(0u8), any::<u8>()], 0..6), 0..400)
    ) {
        let bytes = built(&keys);
        let reference = Fst::new(bytes.clone()).unwrap();
        let read = Transducer::open(Section::for_test(bytes)).unwrap();
        prop_assert_eq!(read.key_count(), keys.len() as u64);
        prop_assert_eq!(read.root(), reference.root().addr());
        let mut todo = vec![read.root()];
        while let Some(address) = todo.pop() {
            let (state, node) = (read.state(address).unwrap(), reference.node(address));
            prop_assert_eq!((state.is_final, state.count()), (node.is_final(), node.len()));
            for (on, other) in state.transitions().zip(node.transitions()) {
                prop_assert_eq!(
                    (on.input, on.output, on.target),
                    (other.inp, other.out.value(), other.addr)
                );
                todo.push(on.target);
            }
        }
        let mut keys_read = Keys::numbered(&read, MAX_LEN_BYTES);
        let mut stream = reference.stream();
        while let Some((key, rank)) = stream.next() {
            prop_assert!(keys_read.advance().unwrap());
            prop_assert_eq!((keys_read.key(), keys_read.output()), (key, rank.value()));
            prop_assert_eq!(read.get(key), Some(rank.value()));
            let found = read.key(rank.value());
            prop_assert_eq!(found.as_deref(), Some(key));
        }
        prop_assert!(!keys_read.advance().unwrap());
        prop_assert_eq!(read.key(keys.len() as u64), None);
    }

    /// I1: damage at random, and the walk ends without a panic.
    #[test]
    fn other_bytes_are_read_to_an_end(
        keys in prop::collection::btree_set(prop::collection::vec(0u8..9, 0..6), 1..60),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..9)
    ) {
        let mut bytes = built(&keys);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(read) = Transducer::open(Section::for_test(bytes)) {
            let mut keys = Keys::numbered(&read, MAX_LEN_BYTES);
            while keys.advance().unwrap_or(false) {}
            for rank in 0..70 {
                let key = read.key(rank).unwrap_or_default();
                read.get(&key);
            }
        }
    }
}
