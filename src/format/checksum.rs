//! Checksums of sections: one CRC-32 for a small section, one per 64 KiB chunk for a large one.
//!
//! Chunks locate damage, allow a part of a large section to be checked alone, and avoid a weak
//! 32-bit sum over gigabytes. A CRC finds accidents; it is no protection against tampering.

use super::limits::to_u64;

/// Algorithm: one CRC-32 (IEEE) over the section's bytes.
pub const ALG_CRC32: u16 = 1;
/// Algorithm: a table of CRC-32 values, one per [`CHUNK_BYTES`] of the section, and one CRC-32
/// over that table.
pub const ALG_CRC32_CHUNKS: u16 = 2;
/// Bytes under one CRC of a chunked section.
pub const CHUNK_BYTES: usize = 64 << 10;
/// Sections longer than this are chunked.
pub const CHUNKED_OVER_BYTES: usize = 1 << 20;
/// Bytes of one entry of a chunk table.
pub const CHUNK_ENTRY_BYTES: usize = 4;

/// CRC-32 (IEEE) of `bytes`.
pub fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// The chunk table of a section: little-endian CRC-32 values, in order.
pub fn chunk_table(section: &[u8]) -> Vec<u8> {
    section
        .chunks(CHUNK_BYTES)
        .flat_map(|chunk| crc32(chunk).to_le_bytes())
        .collect()
}

/// Length of the chunk table of a section of `section_len_bytes`; `None` on overflow.
pub fn chunk_table_len_bytes(section_len_bytes: u64) -> Option<u64> {
    section_len_bytes
        .div_ceil(to_u64(CHUNK_BYTES))
        .checked_mul(to_u64(CHUNK_ENTRY_BYTES))
}

/// The first chunk of `bytes` whose CRC is not the one in `table`, as (chunk number, expected,
/// found). A chunk without an entry, or an entry without a chunk, is a mismatch.
pub fn first_bad_chunk(bytes: &[u8], table: &[u8]) -> Option<(usize, u32, u32)> {
    let mut entries = table.chunks(CHUNK_ENTRY_BYTES);
    for (number, chunk) in bytes.chunks(CHUNK_BYTES).enumerate() {
        let expected = entries
            .next()
            .and_then(|entry| <[u8; CHUNK_ENTRY_BYTES]>::try_from(entry).ok())
            .map(u32::from_le_bytes);
        let found = crc32(chunk);
        if expected != Some(found) {
            return Some((number, expected.unwrap_or(0), found));
        }
    }
    entries
        .next()
        .map(|_| (bytes.chunks(CHUNK_BYTES).len(), 0, 0))
}

/// The polynomial of CRC-32 (IEEE), lowest power last.
const POLYNOMIAL: u32 = 0xEDB8_8320;

/// Where one flipped bit in `bytes` explains that their CRC is not `expected`: byte and bit, 0 the
/// least significant. No two bits of less than half a gigabyte explain the same difference; but
/// worse damage looks like one flipped bit in (bits of `bytes`) of 2^32 cases, so who puts the bit
/// right needs a second check.
pub fn flipped_bit(bytes: &[u8], expected: u32) -> Option<(usize, u32)> {
    let difference = crc32(bytes) ^ expected;
    // What the last bit of the last byte adds to the CRC, then the bit before it, and so on.
    let mut adds = POLYNOMIAL;
    for at in (0..bytes.len()).rev() {
        for bit in (0..u8::BITS).rev() {
            if adds == difference {
                return Some((at, bit));
            }
            adds = (adds >> 1) ^ if adds & 1 == 1 { POLYNOMIAL } else { 0 };
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_check_value_of_crc32() {
        // ZF-CV-02
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_bad_chunk_is_located_and_tables_must_match_in_length() {
        let mut bytes = vec![7u8; 3 * CHUNK_BYTES + 5];
        let table = chunk_table(&bytes);
        assert_eq!(
            table.len() as u64,
            chunk_table_len_bytes(bytes.len() as u64).unwrap()
        );
        assert_eq!(first_bad_chunk(&bytes, &table), None);
        assert_eq!(first_bad_chunk(&bytes, &table[..12]).unwrap().0, 3);
        assert_eq!(first_bad_chunk(&bytes[..CHUNK_BYTES], &table).unwrap().0, 1);
        bytes[2 * CHUNK_BYTES] ^= 1;
        assert_eq!(first_bad_chunk(&bytes, &table).unwrap().0, 2);
    }

    #[test]
    fn any_one_flipped_bit_is_located_and_two_are_not_mistaken_for_none() {
        let clean: Vec<u8> = (0..97u8).map(|i| i.wrapping_mul(37)).collect();
        let expected = crc32(&clean);
        for at in 0..clean.len() {
            for bit in 0..8 {
                let mut bytes = clean.clone();
                bytes[at] ^= 1 << bit;
                assert_eq!(flipped_bit(&bytes, expected), Some((at, bit)));
                bytes[(at + 13) % 97] ^= 1 << ((bit + 3) % 8);
                assert_eq!(flipped_bit(&bytes, expected), None);
            }
        }
        assert_eq!(flipped_bit(&clean, expected), None);
        assert_eq!(flipped_bit(&[], 1), None);
    }
}
