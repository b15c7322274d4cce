//! A graph from a stranger: it is refused, or what it says of itself was looked at. It is not run.
//!
//! ```text
//! first byte even   the rest is the message
//! first byte odd    changes to a small encoder's message: u16 place, u8 how many bytes, the bytes
//! ```

use zerogr::raw::model::check_graph;

use super::Input;
use super::onnx_message::{graph, model, small_encoder, tensor_elsewhere};

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    if input.byte() % 2 == 0 {
        let _ = check_graph(input.0);
        return;
    }
    let mut message = small_encoder(8);
    while !input.0.is_empty() {
        let place = input.number() % message.len();
        let count = usize::from(input.byte() % 16) + 1;
        for (to, &byte) in message[place..].iter_mut().zip(input.bytes(count)) {
            *to = byte;
        }
    }
    let _ = check_graph(&message);
    // The bytes of two messages, one behind the other, are one message.
    let _ = check_graph(&[&message[..], data].concat());
}

pub fn seeds() -> Vec<Vec<u8>> {
    let whole = small_encoder(8);
    let elsewhere = model(&graph(
        &[],
        &[tensor_elsewhere("w", &[2], &[("location", "x")])],
    ));
    let mut seeds = vec![
        vec![1],
        [&[0], &whole[..]].concat(),
        [&[0], &elsewhere[..]].concat(),
    ];
    for part in 0..24 {
        let place = (whole.len() * part / 24) as u16;
        let [low, high] = place.to_le_bytes();
        seeds.push(vec![1, low, high, 0, 0xff]);
    }
    seeds
}
