//! From sections to the exact bytes of an extent.
//!
//! An [`ExtentImage`] is the extent as a list of byte runs, most of them borrowed from the
//! caller: a model of several gigabytes is written without a second copy of it in memory.

use std::borrow::Cow;

use super::checksum::{self, crc32};
use super::extent::{
    EXTENT_FOOTER_BYTES, EXTENT_HEADER_BYTES, ExtentFooter, ExtentHeader, ExtentKind, ExtentRef,
    SECTION_ENTRY_BYTES, SectionEntry, SectionKind,
};
use super::limits::{
    MAX_EXTENT_BYTES, MAX_SECTIONS, PAGE_BYTES, SECTION_ALIGN_BYTES, align_up, to_u64,
};
use crate::error::{Error, Result};

/// A section to be written.
#[derive(Debug, Clone)]
pub struct SectionInput<'a> {
    /// Name of the section within the extent's kind; unique in its extent.
    pub kind: SectionKind,
    /// How the body is encoded, in the terms of the layer that owns it.
    pub encoding: u16,
    /// How many entries the body has; the store carries the number and does not interpret it.
    pub entry_count: u64,
    /// The body.
    pub bytes: Cow<'a, [u8]>,
}

impl SectionInput<'static> {
    /// A section in the first (so far, for most kinds, the only) encoding of its kind.
    pub fn new(kind: SectionKind, entry_count: u64, bytes: Vec<u8>) -> Self {
        SectionInput {
            kind,
            encoding: 1,
            entry_count,
            bytes: Cow::Owned(bytes),
        }
    }
}

/// What every extent of one commit has in common.
#[derive(Debug, Clone, Copy)]
pub struct ExtentStamp {
    /// Number of the commit.
    pub generation: u64,
    /// Nonce of the commit.
    pub commit_nonce: u64,
    /// Identity of the file.
    pub file_uuid: [u8; 16],
}

/// The bytes of one extent, as runs in file order.
#[derive(Debug)]
pub struct ExtentImage<'a> {
    runs: Vec<Cow<'a, [u8]>>,
    len_bytes: u64,
    nonce: u64,
    header_crc: u32,
}

static ZEROS: [u8; 4096] = [0; 4096];

impl<'a> ExtentImage<'a> {
    /// Lays out `sections` in the given order.
    ///
    /// # Errors
    /// `InvalidInput` for two sections of one kind, `Limit` for too many sections or bytes.
    pub fn new(
        kind: ExtentKind,
        stamp: ExtentStamp,
        sections: &'a [SectionInput<'a>],
    ) -> Result<Self> {
        let too_large = || Error::limit("an extent cannot be larger than 2^48 bytes");
        let section_count = u16::try_from(sections.len()).map_err(|_| {
            Error::limit(format!("an extent holds at most {MAX_SECTIONS} sections"))
        })?;
        let table_len = sections.len().saturating_mul(SECTION_ENTRY_BYTES);

        let mut body =
            Body::starting_at(to_u64(EXTENT_HEADER_BYTES).saturating_add(to_u64(table_len)));
        let mut entries: Vec<SectionEntry> = Vec::with_capacity(sections.len());
        for section in sections {
            if entries.iter().any(|entry| entry.kind == section.kind) {
                return Err(Error::invalid(format!(
                    "an extent cannot hold two sections of kind {}",
                    section.kind.0
                )));
            }
            let off_bytes = body
                .push(Cow::Borrowed(&section.bytes))
                .ok_or_else(too_large)?;
            entries.push(SectionEntry {
                kind: section.kind,
                encoding: section.encoding,
                crc_alg: checksum::ALG_CRC32,
                off_bytes,
                len_bytes: to_u64(section.bytes.len()),
                entry_count: section.entry_count,
                crc: 0,
                crc_table_off_bytes: 0,
            });
        }
        for (entry, section) in entries.iter_mut().zip(sections) {
            if section.bytes.len() <= checksum::CHUNKED_OVER_BYTES {
                entry.crc = crc32(&section.bytes);
                continue;
            }
            let table = checksum::chunk_table(&section.bytes);
            entry.crc_alg = checksum::ALG_CRC32_CHUNKS;
            entry.crc = crc32(&table);
            entry.crc_table_off_bytes = body.push(Cow::Owned(table)).ok_or_else(too_large)?;
        }
        let len_bytes = body.pad_to_footer().ok_or_else(too_large)?;

        let mut table = Vec::with_capacity(table_len);
        for entry in &entries {
            table.extend_from_slice(&entry.encode());
        }
        let [a, b, c, d, ..] = stamp.file_uuid;
        let frame = to_u64(EXTENT_HEADER_BYTES + EXTENT_FOOTER_BYTES);
        let header = ExtentHeader {
            kind,
            generation: stamp.generation,
            commit_nonce: stamp.commit_nonce,
            body_len_bytes: len_bytes.saturating_sub(frame),
            section_count,
            uuid_tag: [a, b, c, d],
            table_crc: crc32(&table),
        };
        let (header_bytes, header_crc) = header.encode();
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&table);
        body.runs.iter().for_each(|run| hasher.update(run));
        let footer = ExtentFooter {
            body_crc: hasher.finalize(),
            header_crc,
            total_len_bytes: len_bytes,
        };

        let mut runs = vec![Cow::Owned(header_bytes.to_vec()), Cow::Owned(table)];
        runs.append(&mut body.runs);
        runs.push(Cow::Owned(footer.encode().to_vec()));
        Ok(ExtentImage {
            runs,
            len_bytes,
            nonce: stamp.commit_nonce,
            header_crc,
        })
    }

    /// The byte runs, in file order, with all padding.
    pub fn runs(&self) -> impl Iterator<Item = &[u8]> {
        self.runs.iter().map(|run| run.as_ref())
    }

    /// Length of the extent.
    pub fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// CRC-32 of all bytes of the extent.
    pub fn crc(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        self.runs().for_each(|run| hasher.update(run));
        hasher.finalize()
    }

    /// The reference to this extent once it is written at `off_bytes`.
    pub fn reference(&self, off_bytes: u64) -> ExtentRef {
        ExtentRef {
            off_bytes,
            len_bytes: self.len_bytes,
            nonce: self.nonce,
            header_crc: self.header_crc,
        }
    }
}

/// Runs between section table and footer, and where the next byte goes.
struct Body<'a> {
    runs: Vec<Cow<'a, [u8]>>,
    end_bytes: u64,
}

impl<'a> Body<'a> {
    fn starting_at(end_bytes: u64) -> Self {
        Body {
            runs: Vec::new(),
            end_bytes,
        }
    }

    /// Appends `bytes` at the next multiple of 64; where that is.
    fn push(&mut self, bytes: Cow<'a, [u8]>) -> Option<u64> {
        self.pad_to(align_up(self.end_bytes, SECTION_ALIGN_BYTES)?)?;
        let off_bytes = self.end_bytes;
        self.end_bytes = off_bytes.checked_add(to_u64(bytes.len()))?;
        self.runs.push(bytes);
        Some(off_bytes)
    }

    /// Pads so that a footer ends on a page; the length of the extent with it.
    fn pad_to_footer(&mut self) -> Option<u64> {
        let footer = to_u64(EXTENT_FOOTER_BYTES);
        let len_bytes = align_up(self.end_bytes.checked_add(footer)?, PAGE_BYTES)?;
        self.pad_to(len_bytes.checked_sub(footer)?)?;
        (len_bytes <= MAX_EXTENT_BYTES).then_some(len_bytes)
    }

    /// Appends zeros, always less than a page of them, up to `off_bytes`.
    fn pad_to(&mut self, off_bytes: u64) -> Option<()> {
        let missing = usize::try_from(off_bytes.checked_sub(self.end_bytes)?).ok()?;
        self.runs.push(Cow::Borrowed(ZEROS.get(..missing)?));
        self.end_bytes = off_bytes;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: ExtentStamp = ExtentStamp {
        generation: 5,
        commit_nonce: 77,
        file_uuid: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
    };

    fn input(kind: u16, len: usize) -> SectionInput<'static> {
        SectionInput {
            kind: SectionKind(kind),
            encoding: 3,
            entry_count: len as u64,
            bytes: Cow::Owned((0..len).map(|i| (i * 7) as u8).collect()),
        }
    }

    fn bytes_of(sections: &[SectionInput<'_>]) -> (Vec<u8>, ExtentRef) {
        let image = ExtentImage::new(ExtentKind::Segment, STAMP, sections).unwrap();
        let bytes: Vec<u8> = image.runs().flatten().copied().collect();
        assert_eq!(bytes.len() as u64, image.len_bytes());
        assert_eq!(image.crc(), crc32(&bytes));
        (bytes, image.reference(12_288))
    }

    fn table_of(bytes: &[u8], reference: &ExtentRef) -> Result<Vec<SectionEntry>> {
        let header = ExtentHeader::decode(bytes, reference, STAMP.file_uuid)?;
        SectionEntry::decode_table(
            &bytes[64..64 + header.table_len_bytes()],
            &header,
            reference,
        )
    }

    #[test]
    fn sections_come_back_aligned_and_whole() {
        let inputs = [
            input(1, 0),
            input(2, 1),
            input(3, 64),
            input(9, 3 << 20),
            input(4, 5000),
        ];
        let (bytes, reference) = bytes_of(&inputs);
        assert!(bytes.len().is_multiple_of(4096));
        let table = table_of(&bytes, &reference).unwrap();
        for (entry, input) in table.iter().zip(&inputs) {
            let off = entry.off_bytes as usize;
            assert!(off.is_multiple_of(64));
            let body = &bytes[off..off + entry.len_bytes as usize];
            assert_eq!(body, &*input.bytes);
            assert_eq!(
                (entry.encoding, entry.entry_count),
                (3, input.bytes.len() as u64)
            );
            if entry.crc_alg == checksum::ALG_CRC32 {
                assert_eq!(entry.crc, crc32(body));
            } else {
                let off = entry.crc_table_off_bytes as usize;
                let table = &bytes[off..off + body.len().div_ceil(checksum::CHUNK_BYTES) * 4];
                assert_eq!(entry.crc, crc32(table));
                assert_eq!(checksum::first_bad_chunk(body, table), None);
            }
        }
        let footer = ExtentFooter::decode(&bytes[bytes.len() - 32..]).unwrap();
        assert_eq!(footer.body_crc, crc32(&bytes[64..bytes.len() - 32]));
        assert_eq!(footer.header_crc, reference.header_crc);
        assert_eq!(footer.total_len_bytes, reference.len_bytes);
    }

    #[test]
    fn an_extent_without_sections_is_one_page() {
        assert_eq!(bytes_of(&[]).0.len(), 4096);
        // The largest body that still fits one page, and one byte more.
        let fits = 4096 - 64 - 64 - 32;
        assert_eq!(bytes_of(&[input(1, fits)]).0.len(), 4096);
        assert_eq!(bytes_of(&[input(1, fits + 1)]).0.len(), 8192);
    }

    #[test]
    fn any_bit_flip_in_header_or_table_is_found() {
        let (bytes, reference) = bytes_of(&[input(1, 10), input(2, 100)]);
        for bit in 0..(64 + 2 * 64) * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(
                table_of(&damaged, &reference).unwrap_err().is_corrupt(),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn tables_that_lie_are_refused_even_with_good_checksums() {
        // ZF-EX-05, ZF-EX-06, ZF-EX-07, ZF-EX-08
        let good = SectionEntry {
            kind: SectionKind(1),
            encoding: 0,
            crc_alg: checksum::ALG_CRC32,
            off_bytes: 192,
            len_bytes: 64,
            entry_count: 0,
            crc: 0,
            crc_table_off_bytes: 0,
        };
        let second = SectionEntry {
            kind: SectionKind(2),
            off_bytes: 256,
            ..good.clone()
        };
        let check = |entries: &[SectionEntry]| {
            let bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.encode()).collect();
            let header = ExtentHeader {
                kind: ExtentKind::Segment,
                generation: 1,
                commit_nonce: 1,
                body_len_bytes: 4000,
                section_count: entries.len() as u16,
                uuid_tag: [0; 4],
                table_crc: crc32(&bytes),
            };
            let reference = ExtentRef {
                off_bytes: 12_288,
                len_bytes: 4096,
                nonce: 1,
                header_crc: 0,
            };
            SectionEntry::decode_table(&bytes, &header, &reference)
        };
        check(&[good.clone(), second.clone()]).unwrap();
        for bad in [
            SectionEntry {
                off_bytes: 200,
                ..good.clone()
            },
            SectionEntry {
                off_bytes: 64,
                ..good.clone()
            },
            SectionEntry {
                off_bytes: u64::MAX - 63,
                ..good.clone()
            },
            SectionEntry {
                len_bytes: u64::MAX,
                ..good.clone()
            },
            SectionEntry {
                len_bytes: 4000,
                ..good.clone()
            },
            SectionEntry {
                len_bytes: 65,
                ..good.clone()
            },
            SectionEntry {
                kind: SectionKind(2),
                ..good.clone()
            },
            SectionEntry {
                crc_table_off_bytes: 64,
                ..good.clone()
            },
            SectionEntry {
                crc_alg: 2,
                ..good.clone()
            },
            SectionEntry {
                crc_alg: 2,
                crc_table_off_bytes: 4064,
                ..good.clone()
            },
        ] {
            assert!(
                check(&[bad.clone(), second.clone()])
                    .unwrap_err()
                    .is_corrupt(),
                "{bad:?}"
            );
        }
        let unknown = SectionEntry { crc_alg: 9, ..good };
        assert!(
            check(&[unknown, second])
                .unwrap_err()
                .is_unsupported_version()
        );
    }

    #[test]
    fn two_sections_of_one_kind_are_refused() {
        let sections = [input(1, 3), input(1, 4)];
        let error = ExtentImage::new(ExtentKind::Blob, STAMP, &sections).unwrap_err();
        assert!(error.is_invalid_input());
    }
}
