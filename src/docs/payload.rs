//! Document payloads: what a hit shows and training reads, in compressed blocks.
//!
//! ```text
//!   PAYLOAD_INDEX   per ordinal: block, offset in the unpacked block, length
//!   PAYLOAD_BLOCKS  per block: offset in PAYLOADS, stored length, unpacked length, codec, CRC
//!   PAYLOADS        the blocks, one after the other
//! ```
//!
//! A block closes once it holds 64 KiB, so reading one document unpacks little; a longer
//! document has a block of its own. Each block carries a CRC of its stored bytes, checked on
//! every read, because this section is too large to be verified when the index is opened.
//!
//! The blocks alone are enough to have the documents back: see [`for_each_block_in`] and
//! [`salvage`](super::salvage).

use std::borrow::Cow;
use std::io::Read;

use flate2::read::ZlibDecoder;
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::block_writer::{BlockRecord, BlockWriter, CODEC_ZLIB};
use crate::columns::LazySection;
use crate::format::checksum::{crc32, flipped_bit};
use crate::store::Section;
use crate::{Error, Result};

/// Unpacked bytes after which a block is closed.
const BLOCK_LEN_BYTES: usize = 64 << 10;

/// Longest payload of one document.
pub const MAX_PAYLOAD_LEN_BYTES: usize = (1 << 31) - 1;

/// Deflate makes at most this many bytes of one.
const MAX_BYTES_PER_STORED_BYTE: u64 = 1032;

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct PayloadRecord {
    block: U32,
    off_bytes: U32,
    len_bytes: U32,
}

/// The payloads of one segment.
#[derive(Debug, Clone)]
pub struct Payloads {
    index: Section,
    blocks: Section,
    bytes: LazySection,
    mends_bits: bool,
}

impl Payloads {
    /// Reads the payloads of `document_count` documents.
    ///
    /// # Errors
    ///
    /// `Corrupt` when payloads or blocks are out of order or out of bounds.
    pub fn open(
        index: Section,
        blocks: Section,
        bytes: LazySection,
        document_count: usize,
    ) -> Result<Self> {
        let damaged = || index.damaged("the payload index is out of bounds");
        let records: &[PayloadRecord] = index.as_slice_of()?;
        let table: &[BlockRecord] = blocks.as_slice_of()?;
        if records.len() != document_count
            || !blocks_are_in_order(table, bytes.len_bytes())
            || !payloads_are_in_order(records, table)
        {
            return Err(damaged());
        }
        Ok(Payloads {
            index,
            blocks,
            bytes,
            mends_bits: false,
        })
    }

    /// The same; one flipped bit of a block is put right on the way: its CRC says where it is, and
    /// the checksum inside the zlib stream whether it was that.
    pub(crate) fn mending_bits(self) -> Self {
        Payloads {
            mends_bits: true,
            ..self
        }
    }

    /// The payload of a document.
    ///
    /// # Errors
    ///
    /// `Corrupt` when its block is damaged, `UnsupportedVersion` when the block is packed in a way
    /// that is not known, `Io` when it cannot be read.
    pub fn read(&self, ordinal: u32) -> Result<Vec<u8>> {
        let records: &[PayloadRecord] = self.index.as_slice_of()?;
        let record = records
            .get(ordinal as usize)
            .ok_or_else(|| self.damaged(format_args!("document {ordinal} has no payload")))?;
        let unpacked = self.unpack(record.block.get())?;
        let start = record.off_bytes.get() as usize;
        unpacked
            .get(start..start.saturating_add(record.len_bytes.get() as usize))
            .map(<[u8]>::to_vec)
            .ok_or_else(|| {
                self.damaged(format_args!("the payload of document {ordinal} is cut off"))
            })
    }

    /// Calls `each` with the payload of every document for which `is_wanted` holds, in order,
    /// unpacking each block once; `each` is told where a block is damaged.
    ///
    /// # Errors
    ///
    /// What `each` gives; `Corrupt` when the index of the payloads is damaged.
    pub fn for_each(
        &self,
        is_wanted: impl Fn(u32) -> bool,
        mut each: impl FnMut(u32, Result<&[u8]>) -> Result<()>,
    ) -> Result<()> {
        let mut current: Option<(u32, Result<Vec<u8>>)> = None;
        let records: &[PayloadRecord] = self.index.as_slice_of()?;
        for (ordinal, record) in (0u32..).zip(records).filter(|(o, _)| is_wanted(*o)) {
            let block = record.block.get();
            let unpacked = match current.take() {
                Some((number, unpacked)) if number == block => unpacked,
                _ => self.unpack(block),
            };
            let start = record.off_bytes.get() as usize;
            let end = start.saturating_add(record.len_bytes.get() as usize);
            let payload = unpacked.as_ref().map_err(Error::clone).and_then(|bytes| {
                bytes.get(start..end).ok_or_else(|| {
                    self.damaged(format_args!("the payload of document {ordinal} is cut off"))
                })
            });
            each(ordinal, payload)?;
            current = Some((block, unpacked));
        }
        Ok(())
    }

    /// Damage of a payload.
    pub(super) fn damaged(&self, what: impl std::fmt::Display) -> Error {
        self.bytes.damaged(what)
    }

    fn unpack(&self, block: u32) -> Result<Vec<u8>> {
        let damaged = || self.damaged(format_args!("payload block {block} is damaged"));
        let table: &[BlockRecord] = self.blocks.as_slice_of()?;
        let record = table.get(block as usize).ok_or_else(damaged)?;
        let start = record.off_bytes.get();
        let end = start.saturating_add(u64::from(record.stored_len_bytes.get()));
        // The block has a CRC of its own: damage elsewhere in the section, or to what the section
        // is checked by, is no reason not to read it.
        let verified = self.bytes.read(start..end);
        let mut stored = match &verified {
            Ok(stored) => Cow::Borrowed(&**stored),
            Err(error) if error.is_corrupt() => Cow::Owned(self.bytes.read_unverified(start..end)?),
            Err(error) => return Err(error.clone()),
        };
        if crc32(&stored) != record.crc.get() {
            let flipped = flipped_bit(&stored, record.crc.get()).filter(|_| self.mends_bits);
            let (at, bit) = flipped.ok_or_else(damaged)?;
            if let Some(byte) = stored.to_mut().get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
        if record.codec.get() != CODEC_ZLIB {
            return Err(Error::new(
                crate::ErrorKind::UnsupportedVersion,
                format!(
                    "payload block {block} uses codec {}: a newer zerogr is needed",
                    record.codec.get()
                ),
            ));
        }
        let unpacked_len_bytes = record.unpacked_len_bytes.get() as usize;
        let mut unpacked = Vec::new();
        ZlibDecoder::new(&*stored)
            .take(unpacked_len_bytes as u64 + 1)
            .read_to_end(&mut unpacked)
            .map_err(|_| damaged())?;
        if unpacked.len() != unpacked_len_bytes {
            return Err(damaged());
        }
        Ok(unpacked)
    }
}

/// Bytes read and unpacked in vain, per byte of damaged payloads, after which no more is tried:
/// what merely looks like a block ends soon unless somebody made it to last.
const VAIN_BYTES_PER_BYTE: u64 = 64;

/// Calls `each` with every block that begins somewhere in `bytes` and is whole, in order: what is
/// left where the tables of blocks are not. A zlib stream says itself where it ends, and carries a
/// checksum of what it unpacks to.
pub(crate) fn for_each_block_in(bytes: &[u8], mut each: impl FnMut(&[u8])) {
    let mut rest = bytes;
    let mut vain_bytes = VAIN_BYTES_PER_BYTE.saturating_mul(bytes.len() as u64);
    while let [method, flags, ..] = rest
        && vain_bytes > 0
    {
        // RFC 1950: deflate with a window of 32 KiB, and a check of the two bytes.
        let is_start = *method == 0x78 && u16::from_be_bytes([*method, *flags]) % 31 == 0;
        let mut decoder = ZlibDecoder::new(rest);
        let mut unpacked = Vec::new();
        let is_whole = is_start
            && (&mut decoder)
                .take(MAX_PAYLOAD_LEN_BYTES as u64 + 1)
                .read_to_end(&mut unpacked)
                .is_ok_and(|len_bytes| len_bytes <= MAX_PAYLOAD_LEN_BYTES);
        let mut taken = 1;
        if is_whole {
            each(&unpacked);
            taken = usize::try_from(decoder.total_in()).unwrap_or(1).max(1);
        } else {
            let tried_bytes = decoder.total_in().saturating_add(decoder.total_out());
            vain_bytes = vain_bytes.saturating_sub(tried_bytes);
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
}

/// Whether blocks follow one another within PAYLOADS, and none says that it unpacks to more than
/// its stored bytes can: so unpacking all of them once is linear in what is stored.
fn blocks_are_in_order(table: &[BlockRecord], len_bytes: u64) -> bool {
    let mut end_bytes = 0;
    table.iter().all(|block| {
        let stored_bytes = u64::from(block.stored_len_bytes.get());
        let unpacked_bytes = u64::from(block.unpacked_len_bytes.get());
        let follows = block.off_bytes.get() >= end_bytes;
        end_bytes = block.off_bytes.get().saturating_add(stored_bytes);
        follows
            && end_bytes <= len_bytes
            && unpacked_bytes <= MAX_PAYLOAD_LEN_BYTES as u64
            && unpacked_bytes <= stored_bytes.saturating_mul(MAX_BYTES_PER_STORED_BYTE)
    })
}

/// Whether payloads lie within their blocks, in the order of the blocks, and a block that is larger
/// than blocks are has one payload, all of it: so a pass over the documents unpacks a block once,
/// and reading one of them no more than 64 KiB or the document itself.
fn payloads_are_in_order(records: &[PayloadRecord], table: &[BlockRecord]) -> bool {
    let (mut last_block, mut has_owner) = (0, false);
    records.iter().all(|record| {
        let (number, len_bytes) = (record.block.get(), u64::from(record.len_bytes.get()));
        let Some(block) = table.get(number as usize) else {
            return false;
        };
        let unpacked_bytes = u64::from(block.unpacked_len_bytes.get());
        let is_next = number >= last_block;
        if number != last_block {
            (last_block, has_owner) = (number, false);
        }
        let fits = if unpacked_bytes <= BLOCK_LEN_BYTES as u64 {
            u64::from(record.off_bytes.get()) + len_bytes <= unpacked_bytes
        } else {
            let is_all = record.off_bytes.get() == 0 && len_bytes == unpacked_bytes;
            is_all && !std::mem::replace(&mut has_owner, true)
        };
        is_next && fits
    })
}

/// The three section bodies of [`Payloads`].
#[derive(Debug, Default)]
pub struct PayloadSections {
    /// Body of [`super::sections::PAYLOAD_INDEX`].
    pub index: Vec<u8>,
    /// Body of [`super::sections::PAYLOAD_BLOCKS`].
    pub blocks: Vec<u8>,
    /// Body of [`super::sections::PAYLOADS`].
    pub bytes: Vec<u8>,
}

/// Builds what [`Payloads`] reads.
#[derive(Debug, Default)]
pub struct PayloadBuilder {
    index: Vec<PayloadRecord>,
    blocks: BlockWriter,
    open_block: Vec<u8>,
}

impl PayloadBuilder {
    /// Appends the payload of the next document.
    ///
    /// # Errors
    ///
    /// `Limit` for a payload of more than [`MAX_PAYLOAD_LEN_BYTES`]; `Io` when compressing fails.
    pub fn push(&mut self, payload: &[u8]) -> Result<()> {
        if payload.len() > MAX_PAYLOAD_LEN_BYTES {
            return Err(Error::limit(format!(
                "a document has {} bytes; the limit is {MAX_PAYLOAD_LEN_BYTES}: split it",
                payload.len()
            )));
        }
        let holds_some = self
            .index
            .last()
            .is_some_and(|last| last.block.get() as usize == self.blocks.len());
        if holds_some && self.open_block.len() + payload.len() > BLOCK_LEN_BYTES {
            self.blocks.push(std::mem::take(&mut self.open_block))?;
        }
        self.index.push(PayloadRecord {
            block: U32::new(self.blocks.len() as u32),
            off_bytes: U32::new(self.open_block.len() as u32),
            len_bytes: U32::new(payload.len() as u32),
        });
        self.open_block.extend_from_slice(payload);
        Ok(())
    }

    /// The section bodies.
    ///
    /// # Errors
    ///
    /// `Io` when compressing fails.
    pub fn finish(mut self) -> Result<PayloadSections> {
        if !self.index.is_empty() {
            self.blocks.push(self.open_block)?;
        }
        let (blocks, bytes) = self.blocks.finish()?;
        Ok(PayloadSections {
            index: self.index.as_bytes().to_vec(),
            blocks: blocks.as_bytes().to_vec(),
            bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::little_endian::U64;

    use super::*;

    fn built(payloads: &[Vec<u8>]) -> PayloadSections {
        let mut builder = PayloadBuilder::default();
        payloads
            .iter()
            .for_each(|payload| builder.push(payload).unwrap());
        builder.finish().unwrap()
    }

    fn open(sections: PayloadSections, count: usize) -> Result<Payloads> {
        let section = Section::for_test;
        Payloads::open(
            section(sections.index),
            section(sections.blocks),
            LazySection::Whole(section(sections.bytes)),
            count,
        )
    }

    #[test]
    fn payloads_come_back_whatever_their_size() {
        let sizes = [0, 10, 40_000, 40_000, 200_000, 0, 1];
        let payloads: Vec<Vec<u8>> = sizes
            .iter()
            .enumerate()
            .map(|(i, &size)| (0..size).map(|j| (i * 31 + j / 7) as u8).collect())
            .collect();
        let stored = open(built(&payloads), payloads.len()).unwrap();
        for (ordinal, payload) in (0u32..).zip(&payloads) {
            assert_eq!(&stored.read(ordinal).unwrap(), payload);
        }
        let mut seen = 0;
        stored
            .for_each(
                |ordinal| ordinal != 2,
                |ordinal, payload| {
                    assert_eq!(payload.unwrap(), payloads[ordinal as usize]);
                    seen += 1;
                    Ok(())
                },
            )
            .unwrap();
        assert_eq!(seen, payloads.len() - 1);
        assert!(stored.read(7).unwrap_err().is_corrupt());
    }

    #[test]
    fn a_flipped_bit_in_a_block_is_an_error_and_not_a_wrong_text() {
        let payloads = vec![b"lift and drag of slender wings".to_vec(); 3];
        let clean = built(&payloads);
        for position in 0..clean.bytes.len() * 8 {
            let mut bytes = clean.bytes.clone();
            bytes[position / 8] ^= 1 << (position % 8);
            let damaged = PayloadSections {
                index: clean.index.clone(),
                blocks: clean.blocks.clone(),
                bytes,
            };
            assert!(open(damaged, 3).unwrap().read(1).unwrap_err().is_corrupt());
        }
    }

    /// ZF-SG-15: sections of one-byte payloads in blocks that say of themselves what they are told
    /// to: offset and length as stored, and length unpacked.
    fn saying(blocks: &[(u64, u32, u32)], payloads: &[(u32, u32, u32)]) -> Result<Payloads> {
        let mut sections = built(&[b"wing".to_vec()]);
        let record = |&(off, stored, unpacked): &(u64, u32, u32)| BlockRecord {
            off_bytes: U64::new(off),
            stored_len_bytes: U32::new(stored),
            unpacked_len_bytes: U32::new(unpacked),
            codec: U32::new(CODEC_ZLIB),
            crc: U32::new(0),
        };
        let payload = |&(block, off, len): &(u32, u32, u32)| PayloadRecord {
            block: U32::new(block),
            off_bytes: U32::new(off),
            len_bytes: U32::new(len),
        };
        let records: Vec<BlockRecord> = blocks.iter().map(record).collect();
        sections.blocks = records.as_bytes().to_vec();
        let records: Vec<PayloadRecord> = payloads.iter().map(payload).collect();
        sections.index = records.as_bytes().to_vec();
        sections.bytes = vec![0; 1000];
        open(sections, payloads.len())
    }

    #[test]
    fn what_is_unpacked_is_bounded_by_what_is_stored() {
        let large = 70_000;
        // Good: in order, a large block for one payload alone.
        assert!(
            saying(
                &[(0, 100, large), (100, 50, 9)],
                &[(0, 0, large), (1, 3, 6)]
            )
            .is_ok()
        );
        let refused = [
            // A block that unpacks to more than deflate can make of it, or than a payload may have.
            saying(&[(0, 1, 1033)], &[(0, 0, 1)]),
            saying(&[(0, 1000, u32::MAX)], &[(0, 0, u32::MAX)]),
            // One stored block as two.
            saying(&[(0, 100, 9), (50, 100, 9)], &[(0, 0, 9), (1, 0, 9)]),
            // A large block for two payloads, or for a part of it.
            saying(&[(0, 100, large)], &[(0, 0, large), (0, 0, large)]),
            saying(&[(0, 100, large)], &[(0, 0, 5)]),
            // A block that would be unpacked twice.
            saying(&[(0, 100, 9), (100, 100, 9)], &[(1, 0, 9), (0, 0, 9)]),
        ];
        for result in refused {
            assert!(result.unwrap_err().is_corrupt());
        }
    }

    #[test]
    fn an_index_that_points_outside_is_refused() {
        let mut sections = built(&[b"wing".to_vec()]);
        sections.index[8] = 5;
        assert!(open(sections, 1).unwrap_err().is_corrupt());
        assert!(
            open(built(&[b"wing".to_vec()]), 2)
                .unwrap_err()
                .is_corrupt()
        );
    }
}
