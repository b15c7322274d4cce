//! The payloads of a segment, with right checksums: index, block table and packed blocks.
//!
//! Input: two u16 lengths, of index and block table, then the three sections.

use zerogr::raw::columns::LazySection;
use zerogr::raw::docs::{PayloadBuilder, Payloads};
use zerogr::raw::format::{SectionInput, SectionKind, checksum};
use zerogr::raw::store::Section;

use super::Input;

fn section(bytes: &[u8]) -> Section {
    Section::from_input(&SectionInput::new(SectionKind(1), 0, bytes.to_vec())).unwrap()
}

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let (index_len, blocks_len) = (input.number(), input.number());
    let index = input.bytes(index_len);
    let mut blocks = input.bytes(blocks_len).to_vec();
    let bytes = input.0;
    for record in blocks.chunks_exact_mut(24) {
        let off = u64::from_le_bytes(record[..8].try_into().unwrap());
        let len = u32::from_le_bytes(record[8..12].try_into().unwrap());
        let stored = usize::try_from(off)
            .ok()
            .and_then(|off| bytes.get(off..off.checked_add(len as usize)?));
        if let Some(stored) = stored {
            record[20..].copy_from_slice(&checksum::crc32(stored).to_le_bytes());
        }
    }
    let count = index.len() / 12;
    let stored = LazySection::Whole(section(bytes));
    let Ok(payloads) = Payloads::open(section(index), section(&blocks), stored, count) else {
        return;
    };
    // Both ways of reading agree on every document.
    let mut seen = 0;
    let each = |ordinal: u32, payload: zerogr::Result<&[u8]>| {
        let alone = payloads.read(ordinal);
        assert_eq!(payload.ok(), alone.as_deref().ok());
        seen += 1;
        Ok(())
    };
    payloads.for_each(|_| true, each).unwrap();
    assert_eq!(seen, count);
    assert!(payloads.read(count as u32).is_err());
}

pub fn seeds() -> Vec<Vec<u8>> {
    let sizes: [&[usize]; 4] = [&[], &[0], &[10, 300, 0], &[70_000, 5, 66_000, 9]];
    let seed = |sizes: &&[usize]| {
        let mut builder = PayloadBuilder::default();
        for &size in *sizes {
            let text: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            builder.push(&text).unwrap();
        }
        let sections = builder.finish().unwrap();
        let mut seed = (sections.index.len() as u16).to_le_bytes().to_vec();
        seed.extend((sections.blocks.len() as u16).to_le_bytes());
        [seed, sections.index, sections.blocks, sections.bytes].concat()
    };
    sizes.iter().map(seed).collect()
}
