//! The character map of SentencePiece tokenizers: base64 of a double array and of the texts that it
//! points into.
//!
//! ```text
//!   u32 bytes of the array | array of u32 units | texts, each ended by a zero byte
//! ```
//!
//! A reader follows offsets of units from the root. Here every unit that it can come to is looked
//! at: it lies in the array, and what it points to begins a character of the texts.

use std::collections::HashSet;

/// Nothing wrong: the characters of the longest text that is mapped to. Else what is.
pub(super) fn check(base64: &str) -> Result<usize, String> {
    let bytes = decode(base64).ok_or("is not base64")?;
    let (len, rest) = bytes.split_first_chunk().ok_or("is cut short")?;
    let len = u32::from_le_bytes(*len) as usize;
    let (array, texts) = rest.split_at_checked(len).ok_or("is cut short")?;
    let texts = std::str::from_utf8(texts).map_err(|_| "has texts that are not UTF-8")?;
    let (units, []) = array.as_chunks::<4>() else {
        return Err("has an array of no whole units".into());
    };
    let units: Vec<usize> = units
        .iter()
        .map(|unit| u32::from_le_bytes(*unit) as usize)
        .collect();
    let unit = |at: usize| units.get(at).copied().ok_or("points out of its array");

    let mut longest = 0;
    let root = offset(unit(0)?);
    let (mut seen, mut open) = (HashSet::from([root]), vec![root]);
    while let Some(node) = open.pop() {
        for byte in 1..=255 {
            let at = node ^ byte;
            let child = unit(at)?;
            if label(child) != byte {
                continue;
            }
            let next = at ^ offset(child);
            if has_leaf(child) {
                let text = texts
                    .get(value(unit(next)?)..)
                    .ok_or("points out of its texts")?;
                let text = text.split('\0').next().unwrap_or_default();
                longest = longest.max(text.chars().count());
            }
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    Ok(longest)
}

fn has_leaf(unit: usize) -> bool {
    unit >> 8 & 1 == 1
}

fn value(unit: usize) -> usize {
    unit & ((1 << 31) - 1)
}

fn label(unit: usize) -> usize {
    unit & (1 << 31 | 0xff)
}

fn offset(unit: usize) -> usize {
    (unit >> 10) << ((unit & 1 << 9) >> 6)
}

/// Standard base64, padded.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.as_bytes();
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (groups, []) = text.as_chunks::<4>() else {
        return None;
    };
    for group in groups {
        let padding = group.iter().rev().take_while(|&&byte| byte == b'=').count();
        let bits = group
            .iter()
            .take(4 - padding.min(2))
            .try_fold(0u32, |bits, byte| {
                let six = match byte {
                    b'A'..=b'Z' => byte - b'A',
                    b'a'..=b'z' => byte - b'a' + 26,
                    b'0'..=b'9' => byte - b'0' + 52,
                    b'+' => 62,
                    b'/' => 63,
                    _ => return None,
                };
                Some(bits << 6 | u32::from(six))
            })?;
        let [_, three @ ..] = (bits << (6 * padding.min(2))).to_be_bytes();
        bytes.extend(three.into_iter().take(3 - padding.min(2)));
    }
    Some(bytes)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A map of `a` to `bc`: the node of the root is at 256 of units whose labels are free.
    pub(crate) fn map(units: &[(usize, u32)], texts: &[u8]) -> String {
        let mut array = vec![0u32; 512];
        units.iter().for_each(|&(at, unit)| array[at] = unit);
        let mut bytes = (array.len() as u32 * 4).to_le_bytes().to_vec();
        bytes.extend(array.iter().flat_map(|unit| unit.to_le_bytes()));
        bytes.extend(texts);
        encode(&bytes)
    }

    pub(crate) fn encode(bytes: &[u8]) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for group in bytes.chunks(3) {
            let mut three = [0; 4];
            three[1..1 + group.len()].copy_from_slice(group);
            let bits = u32::from_be_bytes(three);
            for at in 0..4 {
                let letter = LETTERS[(bits >> (18 - 6 * at) & 63) as usize];
                text.push(if at > group.len() {
                    '='
                } else {
                    letter as char
                });
            }
        }
        text
    }

    const ROOT: (usize, u32) = (0, 256 << 10);
    /// `a`, with a leaf, whose node is its place with the offset 1.
    const A: (usize, u32) = (256 ^ 0x61, 0x61 | 1 << 8 | 1 << 10);

    #[test]
    fn base64_is_read_as_it_was_written() {
        for len in 0..40 {
            let bytes: Vec<u8> = (0..len).map(|at| (at * 37 + 200) as u8).collect();
            assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
        assert_eq!(decode("Zm9v"), Some(b"foo".to_vec()));
        for wrong in ["Zm9", "Zm9!", "====", "Z=9v"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_can_be_reached_is_in_place() {
        let value = |at: u32| (256 ^ 0x61 ^ 1, at);
        assert_eq!(check(&map(&[ROOT, A, value(0)], b"bc\0d")), Ok(2));
        assert_eq!(check(&map(&[ROOT, A, value(3)], b"bc\0d")), Ok(1));
        for (units, texts) in [
            (vec![(0, 4_000 << 10)], &b"bc"[..]),
            (vec![ROOT, A, value(9)], b"bc"),
            (vec![ROOT, A, value(1)], "é".as_bytes()),
            (vec![ROOT, A, value(0)], b"\xff"),
            (vec![ROOT, (A.0, 0x61 | 1 << 20)], b"bc"),
        ] {
            assert!(check(&map(&units, texts)).is_err(), "{units:?}");
        }
        for bytes in [&b""[..], &[255; 4], &[5, 0, 0, 0, 1, 2, 3, 4, 5], &[0; 4]] {
            assert!(check(&encode(bytes)).is_err(), "{bytes:?}");
        }
    }
}
