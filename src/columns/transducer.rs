//! Reading a transducer whose bytes nobody vouches for.
//!
//! The `fst` crate builds the transducers (version 3 of its format), but its reader trusts every
//! address and length in them: on other bytes it panics or walks in circles. A checksum proves
//! that bytes are those that were written, not that a transducer was written. This reader decodes
//! a state at a time and checks each access.
//!
//! ```text
//! u64 version = 3, u64 type │ states, each after all those it leads to │ u64 keys, u64 root, u32 CRC
//!
//! a state is named by its last byte and read backwards from there:
//!   11iiiiii [input]                            one transition, to the state stored before it
//!   10iiiiii [input] sizes target output        one transition
//!   0fnnnnnn [count] sizes [index of 256 bytes, if more than 32 transitions]
//!            inputs targets outputs [final output]          any number; f: a key ends here
//! ```
//!
//! `iiiiii` is a place in [`COMMON_INPUTS`], or 0 when the input is written out; `nnnnnn` is the
//! number of transitions, or 0 when it is written out (1 written out means 256). `sizes` holds
//! the widths of targets (high half) and outputs (low half). A target is the distance from the
//! state's first byte, or 0 for the final state without transitions, which is not stored.
//!
//! Invariants:
//! - I1. Whatever the bytes, reading ends and does not panic: a state leads to earlier bytes only.
//!   Lengths of keys and numbers of keys are for the caller to bound; [`Keys`] does both.
//! - I2. On what `fst` builds, transitions, outputs and keys are those that `fst` reads.

use crate::store::Section;
use crate::{Error, Result};

/// Where the final state without transitions is.
const EMPTY: usize = 0;
const VERSION: u64 = 3;
const FRONT_BYTES: usize = 16;
const FOOTER_BYTES: usize = 20;
/// More transitions than these have an index, which a reader may skip.
const INDEXED_OVER: usize = 32;
const INDEX_BYTES: usize = 256;

/// The inputs that have a short form, in the order of their codes from 1.
const COMMON_INPUTS: &[u8; 63] = b"te/oasripcnw.hlm-du012g=:bf3y5&_4v9678k%?xCDASFIBEjPTzRNM+LOqHG";

/// A transducer from keys to numbers, not yet trusted.
#[derive(Debug, Clone)]
pub(crate) struct Transducer {
    section: Section,
    root: usize,
    key_count: u64,
}

/// One state: whether a key ends here, and where the next byte leads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct State<'a> {
    pub(crate) is_final: bool,
    inputs: Inputs<'a>,
    targets: Targets<'a>,
    outputs: &'a [u8],
    output_width: usize,
}

#[derive(Debug, Clone, Copy)]
enum Inputs<'a> {
    One(u8),
    Many(&'a [u8]),
}

#[derive(Debug, Clone, Copy)]
enum Targets<'a> {
    /// The state that ends right before this one.
    Previous(usize),
    Distances {
        first_byte: usize,
        bytes: &'a [u8],
        width: usize,
    },
}

/// One way on from a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Transition {
    pub(crate) input: u8,
    pub(crate) output: u64,
    pub(crate) target: usize,
}

impl Transducer {
    /// Reads front and footer; `None` when they are not those of a transducer.
    pub(crate) fn open(section: Section) -> Option<Self> {
        let (front, rest) = section.split_at_checked(FRONT_BYTES)?;
        let (version, _) = front.split_at_checked(8)?;
        let footer = rest.get(rest.len().checked_sub(FOOTER_BYTES)?..)?;
        let (key_count, footer) = footer.split_at_checked(8)?;
        let (root, _) = footer.split_at_checked(8)?;
        if number(version) != VERSION {
            return None;
        }
        let root = usize::try_from(number(root)).ok()?;
        // The root is the last state, unless the empty key is the only one.
        let is_last = root.checked_add(1 + FOOTER_BYTES) == Some(section.len());
        if !is_last && (root != EMPTY || section.len() != FRONT_BYTES + FOOTER_BYTES) {
            return None;
        }
        let key_count = number(key_count);
        Some(Transducer {
            section,
            root,
            key_count,
        })
    }

    /// Number of keys, as the footer has it.
    pub(crate) fn key_count(&self) -> u64 {
        self.key_count
    }

    /// Address of the first state.
    pub(crate) fn root(&self) -> usize {
        self.root
    }

    /// The state at `address`; `None` when there can be none.
    #[inline]
    pub(crate) fn state(&self, address: usize) -> Option<State<'_>> {
        if address == EMPTY {
            return Some(State {
                is_final: true,
                inputs: Inputs::Many(&[]),
                targets: Targets::Previous(EMPTY),
                outputs: &[],
                output_width: 0,
            });
        }
        let states_end = self.section.len().checked_sub(FOOTER_BYTES)?;
        let states = self.section.get(..states_end)?;
        let mut rest = states.get(..address.checked_add(1)?)?;
        let kind = take_byte(&mut rest)?;
        if kind >> 6 == 0b11 {
            let input = take_input(&mut rest, kind)?;
            return Some(State {
                is_final: false,
                inputs: Inputs::One(input),
                targets: Targets::Previous(rest.len().checked_sub(1)?),
                outputs: &[],
                output_width: 0,
            });
        }
        let (inputs, count, is_final);
        if kind >> 6 == 0b10 {
            inputs = Inputs::One(take_input(&mut rest, kind)?);
            (count, is_final) = (1, false);
        } else {
            count = match kind & 0b11_1111 {
                0 => match take_byte(&mut rest)? {
                    1 => 256,
                    written_out => usize::from(written_out),
                },
                short => usize::from(short),
            };
            is_final = kind & 0b100_0000 != 0;
            inputs = Inputs::Many(&[]);
        }
        let sizes = take_byte(&mut rest)?;
        let (width, output_width) = (usize::from(sizes >> 4), usize::from(sizes & 0xF));
        if width > 8 || output_width > 8 {
            return None;
        }
        let inputs = match inputs {
            Inputs::One(_) => inputs,
            Inputs::Many(_) => {
                if count > INDEXED_OVER {
                    take(&mut rest, INDEX_BYTES)?;
                }
                Inputs::Many(take(&mut rest, count)?)
            }
        };
        let bytes = take(&mut rest, count * width)?;
        let outputs = take(&mut rest, count * output_width)?;
        // Ranks ascend with the keys, so what comes before a longer key adds nothing at its end.
        if is_final && number(take(&mut rest, output_width)?) != 0 {
            return None;
        }
        Some(State {
            is_final,
            inputs,
            targets: Targets::Distances {
                first_byte: rest.len(),
                bytes,
                width,
            },
            outputs,
            output_width,
        })
    }

    /// The output of `key`, if it is one.
    pub(crate) fn get(&self, key: &[u8]) -> Option<u64> {
        let (address, output) = self.follow(key)?;
        self.state(address)?.is_final.then_some(output)
    }

    /// Where the bytes of `prefix` lead, and the output up to there.
    fn follow(&self, prefix: &[u8]) -> Option<(usize, u64)> {
        let (mut address, mut output) = (self.root, 0u64);
        for &byte in prefix {
            let state = self.state(address)?;
            let on = state.transitions().find(|on| on.input == byte)?;
            output = output.saturating_add(on.output);
            address = on.target;
        }
        Some((address, output))
    }

    /// The key with an output, where outputs ascend with the keys.
    pub(crate) fn key(&self, mut output: u64) -> Option<Vec<u8>> {
        let (mut address, mut key) = (self.root, Vec::new());
        loop {
            let state = self.state(address)?;
            if output == 0 && state.is_final {
                return Some(key);
            }
            let reachable = state.transitions().take_while(|on| on.output <= output);
            let on = reachable.last()?;
            output -= on.output;
            key.push(on.input);
            address = on.target;
        }
    }
}

/// The keys of a transducer in ascending order.
pub(crate) struct Keys<'a> {
    transducer: &'a Transducer,
    max_len_bytes: usize,
    /// Key number `i` must have output `i`; else outputs must ascend.
    is_numbered: bool,
    /// Where the keys begin, and the output up to there.
    start: usize,
    start_output: u64,
    has_started: bool,
    /// They are all keys, so as many as the transducer says must come.
    is_whole: bool,
    passed: u64,
    key: Vec<u8>,
    /// The states along `key`, which transition of each comes next, and the output up to there.
    path: Vec<(State<'a>, usize, u64)>,
    output: Option<u64>,
}

impl<'a> Keys<'a> {
    /// A stream that stands before the first key. It is an error when a key is longer than
    /// `max_len_bytes`, or when key number `i` does not have output `i`.
    pub(crate) fn numbered(transducer: &'a Transducer, max_len_bytes: usize) -> Self {
        Keys {
            is_numbered: true,
            ..Keys::ascending(transducer, max_len_bytes)
        }
    }

    /// The same, with outputs that only have to ascend.
    pub(crate) fn ascending(transducer: &'a Transducer, max_len_bytes: usize) -> Self {
        Keys {
            transducer,
            max_len_bytes,
            is_numbered: false,
            start: transducer.root,
            start_output: 0,
            has_started: false,
            is_whole: true,
            passed: 0,
            key: Vec::new(),
            path: Vec::new(),
            output: None,
        }
    }

    /// The same for the keys that begin with `prefix` alone; `None` when there are none.
    pub(crate) fn from_prefix(
        transducer: &'a Transducer,
        prefix: &[u8],
        max_len_bytes: usize,
    ) -> Option<Self> {
        let (start, output) = transducer.follow(prefix)?;
        Some(Keys {
            start,
            start_output: output,
            key: prefix.to_vec(),
            is_whole: prefix.is_empty(),
            ..Keys::ascending(transducer, max_len_bytes)
        })
    }

    /// Goes on to the next key; false after the last.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        if self.passed == self.transducer.key_count {
            return Ok(false);
        }
        if !self.has_started {
            self.has_started = true;
            if self.enter(self.start, self.start_output)? {
                return self.arrive(self.start_output);
            }
        }
        while let Some((state, next, output)) = self.path.last_mut() {
            let (index, output) = (*next, *output);
            if index == state.count() {
                self.path.pop();
                self.key.pop();
                continue;
            }
            *next += 1;
            let on = state.transition(index).ok_or_else(damaged)?;
            let before = index
                .checked_sub(1)
                .and_then(|before| state.transition(before));
            if before.is_some_and(|before| before.input >= on.input) {
                return Err(damaged());
            }
            self.key.push(on.input);
            let output = output.saturating_add(on.output);
            if self.enter(on.target, output)? {
                return self.arrive(output);
            }
        }
        match self.is_whole {
            true => Err(damaged()),
            false => Ok(false),
        }
    }

    /// Puts the state at `address` on the path; true when a key ends there.
    fn enter(&mut self, address: usize, output: u64) -> Result<bool> {
        let state = self.transducer.state(address).ok_or_else(damaged)?;
        // A state that leads to no key could be entered on more paths than there is time for.
        let is_dead_end = !state.is_final && state.count() == 0;
        if is_dead_end || self.key.len() > self.max_len_bytes {
            return Err(damaged());
        }
        self.path.push((state, 0, output));
        Ok(state.is_final)
    }

    fn arrive(&mut self, output: u64) -> Result<bool> {
        let fits = match self.is_numbered {
            true => output == self.passed,
            false => self.output.is_none_or(|before| output > before),
        };
        if !fits {
            return Err(damaged());
        }
        self.passed += 1;
        self.output = Some(output);
        Ok(true)
    }

    /// The key, once [`Keys::advance`] was true.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Its output.
    pub(crate) fn output(&self) -> u64 {
        self.output.unwrap_or(0)
    }
}

/// Calls `each` with every key of `streams` in ascending order and where it is: positions in
/// `streams`, ascending, with the output there.
pub(crate) fn union<'a>(
    streams: impl IntoIterator<Item = Keys<'a>>,
    mut each: impl FnMut(&[u8], &[(usize, u64)]) -> Result<()>,
) -> Result<()> {
    let mut open = Vec::new();
    for (place, mut keys) in streams.into_iter().enumerate() {
        if keys.advance()? {
            open.push((place, keys));
        }
    }
    let (mut key, mut places) = (Vec::new(), Vec::new());
    while let Some(least) = open.iter().map(|(_, keys)| keys.key()).min() {
        key.clear();
        key.extend_from_slice(least);
        places.clear();
        let mut index = 0;
        while let Some((place, keys)) = open.get_mut(index) {
            if keys.key() != key {
                index += 1;
                continue;
            }
            places.push((*place, keys.output()));
            if keys.advance()? {
                index += 1;
            } else {
                open.remove(index);
            }
        }
        each(&key, &places)?;
    }
    Ok(())
}

/// What every reading of bytes that are no transducer of such keys comes to.
pub(crate) fn damaged() -> Error {
    Error::corrupt("a transducer has the right checksum and is not one")
}

impl<'a> State<'a> {
    /// Number of transitions.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        match self.inputs {
            Inputs::One(_) => 1,
            Inputs::Many(inputs) => inputs.len(),
        }
    }

    /// The transitions, by input. Ends early at one that leads nowhere.
    pub(crate) fn transitions(self) -> impl Iterator<Item = Transition> + use<'a> {
        (0..self.count()).map_while(move |index| self.transition(index))
    }

    /// Transition number `index`; `None` when there is none or it leads nowhere.
    #[inline]
    pub(crate) fn transition(&self, index: usize) -> Option<Transition> {
        let input = match self.inputs {
            Inputs::One(input) => input,
            Inputs::Many(inputs) => *inputs.iter().nth_back(index)?,
        };
        let target = match self.targets {
            Targets::Previous(address) => address,
            Targets::Distances {
                first_byte,
                bytes,
                width,
            } => match usize::try_from(number(from_end(bytes, index, width)?)).ok()? {
                0 => EMPTY,
                // The final state has address 0, and nothing else may be mistaken for it.
                distance => first_byte
                    .checked_sub(distance)
                    .filter(|&address| address != EMPTY)?,
            },
        };
        Some(Transition {
            input,
            output: number(from_end(self.outputs, index, self.output_width)?),
            target,
        })
    }
}

/// Item `index` of items of `width` bytes each, counted from the end.
#[inline]
fn from_end(bytes: &[u8], index: usize, width: usize) -> Option<&[u8]> {
    let end = bytes.len().checked_sub(index * width)?;
    bytes.get(end.checked_sub(width)?..end)
}

#[inline]
fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (before, taken) = rest.split_at_checked(rest.len().checked_sub(count)?)?;
    *rest = before;
    Some(taken)
}

#[inline]
fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    take(rest, 1)?.first().copied()
}

#[inline]
fn take_input(rest: &mut &[u8], kind: u8) -> Option<u8> {
    match usize::from(kind & 0b11_1111).checked_sub(1) {
        Some(common) => COMMON_INPUTS.get(common).copied(),
        None => take_byte(rest),
    }
}

/// A little-endian number of at most eight bytes.
#[inline]
fn number(bytes: &[u8]) -> u64 {
    // Most are of one byte.
    match bytes {
        [] => 0,
        [byte] => u64::from(*byte),
        _ => bytes
            .iter()
            .rev()
            .fold(0, |value, &byte| value << 8 | u64::from(byte)),
    }
}

#[cfg(test)]
mod tests;
