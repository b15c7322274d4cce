//! Writing the blocks of payloads: compressed several at a time, on all cores, in their order.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use rayon::prelude::*;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::format::checksum::crc32;
use crate::{Error, Result};

/// Bytes in full blocks that are compressed at once, on all cores.
const COMPRESSED_TOGETHER_LEN_BYTES: usize = 4 << 20;

/// Codec of a block: a zlib stream (RFC 1950).
pub(super) const CODEC_ZLIB: u32 = 1;

/// Where a block is and what became of it.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BlockRecord {
    pub(super) off_bytes: U64,
    pub(super) stored_len_bytes: U32,
    pub(super) unpacked_len_bytes: U32,
    pub(super) codec: U32,
    pub(super) crc: U32,
}

/// The blocks so far; memory holds [`COMPRESSED_TOGETHER_LEN_BYTES`] that are not compressed, or one
/// block.
#[derive(Debug, Default)]
pub(super) struct BlockWriter {
    records: Vec<BlockRecord>,
    bytes: Vec<u8>,
    waiting: Vec<Vec<u8>>,
    waiting_len_bytes: usize,
}

impl BlockWriter {
    /// Number of blocks.
    pub(super) fn len(&self) -> usize {
        self.records.len() + self.waiting.len()
    }

    /// Adds the next block.
    ///
    /// # Errors
    ///
    /// `Io` when compressing fails.
    pub(super) fn push(&mut self, block: Vec<u8>) -> Result<()> {
        self.waiting_len_bytes += block.len();
        self.waiting.push(block);
        match self.waiting_len_bytes < COMPRESSED_TOGETHER_LEN_BYTES {
            true => Ok(()),
            false => self.compress_waiting(),
        }
    }

    /// The records of the blocks, and the blocks.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub(super) fn finish(mut self) -> Result<(Vec<BlockRecord>, Vec<u8>)> {
        self.compress_waiting()?;
        Ok((self.records, self.bytes))
    }

    fn compress_waiting(&mut self) -> Result<()> {
        let compressed = self.waiting.par_iter().map(|block| compress(block));
        let compressed: Vec<_> = compressed.collect();
        for (block, stored) in self.waiting.drain(..).zip(compressed) {
            let stored = stored?;
            self.records.push(BlockRecord {
                off_bytes: U64::new(self.bytes.len() as u64),
                stored_len_bytes: U32::new(stored.len() as u32),
                unpacked_len_bytes: U32::new(block.len() as u32),
                codec: U32::new(CODEC_ZLIB),
                crc: U32::new(crc32(&stored)),
            });
            self.bytes.extend_from_slice(&stored);
        }
        self.waiting_len_bytes = 0;
        Ok(())
    }
}

/// A block as it is stored.
fn compress(block: &[u8]) -> Result<Vec<u8>> {
    let failed = |error| Error::of_io(format!("compressing documents: {error}"), error);
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(block).map_err(failed)?;
    encoder.finish().map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::ZlibDecoder;

    use super::*;

    #[test]
    fn blocks_compressed_together_are_those_compressed_alone() {
        let block = |number: usize| -> Vec<u8> {
            let len = [70_000, 1, 0, 3_000_000, 65_536][number % 5];
            (0..len).map(|at| (at / 5 * number % 251) as u8).collect()
        };
        let mut writer = BlockWriter::default();
        for number in 0..20 {
            assert_eq!(writer.len(), number);
            writer.push(block(number)).unwrap();
        }
        let (records, bytes) = writer.finish().unwrap();
        let mut end = 0;
        for (number, record) in records.iter().enumerate() {
            let start = record.off_bytes.get() as usize;
            assert_eq!(start, end);
            end = start + record.stored_len_bytes.get() as usize;
            let stored = &bytes[start..end];
            assert_eq!(stored, compress(&block(number)).unwrap());
            assert_eq!(record.crc.get(), crc32(stored));
            let mut unpacked = Vec::new();
            ZlibDecoder::new(stored).read_to_end(&mut unpacked).unwrap();
            assert_eq!(unpacked, block(number));
            assert_eq!(record.unpacked_len_bytes.get() as usize, unpacked.len());
        }
        assert_eq!((records.len(), end), (20, bytes.len()));
    }
}
