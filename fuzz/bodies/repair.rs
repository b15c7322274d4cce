//! Makes every checksum of a file right again, from the sections up to the superblocks, so that
//! only what the bytes *say* can be wrong. (`format-spec/` has the offsets.)

use zerogr::raw::format::checksum::crc32;

pub const SEGMENT_ENTRY_BYTES: usize = 152;
pub const SEGMENTS: u16 = 2;
const PAYLOAD_BLOCKS: u16 = 0x0304;
const PAYLOADS: u16 = 0x0305;

pub fn repair(file: &mut [u8]) {
    repair_record(file, 8192);
    for slot in [0, 4096] {
        let (Some(off), Some(len)) = (read(file, slot + 32, 8), read(file, slot + 40, 8)) else {
            continue;
        };
        repair_references(file, off);
        repair_extent(file, off);
        if let Some(manifest) = off.checked_add(len).and_then(|end| file.get(off..end)) {
            let crc = crc32(manifest);
            write(file, slot + 48, crc);
        }
        repair_record(file, slot);
    }
}

/// A header or superblock: 252 bytes and their checksum.
fn repair_record(file: &mut [u8], off: usize) {
    if let Some(record) = file.get(off..off + 252) {
        let crc = crc32(record);
        write(file, off + 252, crc);
    }
}

/// The extents that the segments of a manifest refer to, and what the references say of them.
fn repair_references(file: &mut [u8], manifest: usize) {
    for (kind, range) in sections(file, manifest) {
        if kind != SEGMENTS {
            continue;
        }
        for entry in range.step_by(SEGMENT_ENTRY_BYTES) {
            for reference in (0..4).map(|number| entry + 24 + number * 32) {
                let Some(off) = read(file, reference, 8).filter(|&off| off >= 12_288) else {
                    continue;
                };
                repair_payloads(file, off);
                if let Some(crc) = repair_extent(file, off) {
                    write(file, reference + 24, crc);
                }
            }
        }
    }
}

/// Sections, table and header; the header's checksum.
fn repair_extent(file: &mut [u8], off: usize) -> Option<u32> {
    for (number, (_, range)) in sections(file, off).into_iter().enumerate() {
        let crc = crc32(file.get(range)?);
        write(file, off + 64 + number * 64 + 32, crc);
    }
    let count = read(file, off.checked_add(32)?, 2)?;
    let crc = crc32(file.get(off + 64..off + 64 + count * 64)?);
    write(file, off + 40, crc);
    let crc = crc32(file.get(off..off + 60)?);
    write(file, off + 60, crc);
    Some(crc)
}

/// Kinds and places of the sections that lie inside the file, up to the first that does not.
pub fn sections(file: &[u8], extent: usize) -> Vec<(u16, std::ops::Range<usize>)> {
    let section = |number: usize| {
        let entry = extent.checked_add(64 + number * 64)?;
        let start = extent.checked_add(read(file, entry + 8, 8)?)?;
        let end = start.checked_add(read(file, entry + 16, 8)?)?;
        file.get(start..end)?;
        Some((read(file, entry, 2)? as u16, start..end))
    };
    let count = extent.checked_add(32).and_then(|at| read(file, at, 2));
    (0..count.unwrap_or(0)).map_while(section).collect()
}

/// The checksums of the blocks of a segment's payloads.
fn repair_payloads(file: &mut [u8], extent: usize) {
    let sections = sections(file, extent);
    let find = |kind| sections.iter().find(|(other, _)| *other == kind);
    if let (Some((_, blocks)), Some((_, payloads))) = (find(PAYLOAD_BLOCKS), find(PAYLOADS)) {
        for record in blocks.clone().step_by(24) {
            let stored = read(file, record, 8).zip(read(file, record + 8, 4));
            let range = stored.and_then(|(off, len)| {
                let start = payloads.start.checked_add(off)?;
                Some(start..start.checked_add(len)?)
            });
            if let Some(stored) = range.and_then(|range| file.get(range)) {
                let crc = crc32(stored);
                write(file, record + 20, crc);
            }
        }
    }
}

pub fn read(file: &[u8], at: usize, width: usize) -> Option<usize> {
    let mut bytes = [0; 8];
    bytes[..width].copy_from_slice(file.get(at..at.checked_add(width)?)?);
    usize::try_from(u64::from_le_bytes(bytes)).ok()
}

fn write(file: &mut [u8], at: usize, crc: u32) {
    if let Some(bytes) = file.get_mut(at..at.saturating_add(4)) {
        bytes.copy_from_slice(&crc.to_le_bytes());
    }
}
