//! An adapter from a stranger: it is refused, or its bytes come back the same.
//!
//! ```text
//! first byte even   the rest is the file
//! first byte odd    changes to a small adapter's file: u16 place, u8 how many bytes, the bytes
//! ```

use zerogr::raw::model::language::{Adapter, BaseModel, LinearModule, LowRank};

use super::Input;

const RANK: usize = 2;

fn small() -> Adapter {
    let base = BaseModel {
        name: "a model".into(),
        fingerprint: "0123".into(),
    };
    let changes = [(0, LinearModule::Query), (10, LinearModule::Down)];
    let changes = changes.map(|(layer, module)| LowRank {
        layer,
        module,
        inputs: 3,
        outputs: 4,
        a: vec![0.5; 3 * RANK],
        b: vec![-2.0; RANK * 4],
    });
    let facts = [("steps".to_owned(), "120".to_owned())];
    let adapter = Adapter::new(base, RANK, changes.into()).unwrap();
    let adapter = adapter.with_rerank_token(Some(7));
    adapter.with_facts(facts.into()).unwrap()
}

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    if input.byte() % 2 == 0 {
        return read(input.0);
    }
    let mut bytes = small().to_bytes();
    while !input.0.is_empty() {
        let place = input.number() % bytes.len();
        let count = usize::from(input.byte() % 16) + 1;
        for (to, &byte) in bytes[place..].iter_mut().zip(input.bytes(count)) {
            *to = byte;
        }
    }
    read(&bytes);
}

fn read(bytes: &[u8]) {
    let Ok(adapter) = Adapter::from_bytes(bytes) else {
        return;
    };
    let written = adapter.to_bytes();
    let again = Adapter::from_bytes(&written).unwrap();
    assert_eq!(again, adapter);
    assert_eq!(again.to_bytes(), written);
    if let Ok(half) = adapter.halved() {
        assert_eq!(Adapter::from_bytes(&half.to_bytes()).unwrap(), half);
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let whole = small().to_bytes();
    let half = small().halved().unwrap().to_bytes();
    let mut seeds = vec![
        vec![1],
        [&[0], &whole[..]].concat(),
        [&[0], &half[..]].concat(),
        [&[0], &whole[..whole.len() - 1]].concat(),
        // A header without tensors, and one that is longer than the file.
        b"\x00\x02\0\0\0\0\0\0\0{}".to_vec(),
        b"\x00\xff\xff\xff\0\0\0\0\0{}".to_vec(),
    ];
    for part in 0..24 {
        let place = (whole.len() * part / 24) as u16;
        let [low, high] = place.to_le_bytes();
        seeds.push(vec![1, low, high, 0, b'9']);
    }
    seeds
}
