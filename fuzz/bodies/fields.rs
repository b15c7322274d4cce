//! Where the numbers of an index file are: everything that a writer counts, points with or
//! measures, so that each can be set to what no writer would write. (`format-spec/` has the
//! offsets.)

use std::ops::Range;

use super::repair::{SEGMENT_ENTRY_BYTES, SEGMENTS, read, sections};

const MANIFEST_COUNTERS: u16 = 1;
const MANIFEST_BLOBS: u16 = 3;
const MANIFEST_PARAMS: u16 = 4;
const BLOB_RECORD_BYTES: usize = 88;

/// A number in a file: its place, its width in bytes, and which one it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    pub off: usize,
    pub len: usize,
    pub group: Group,
}

/// What a field belongs to. Mutations are shared out among groups, or large sections would get
/// them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    Header,
    Superblock,
    ExtentHeader,
    SectionTable,
    Counters,
    Segments,
    Blobs,
    /// A number within the JSON of the parameters, as text.
    Params,
    /// The body of a section of this kind.
    Section(u16),
}

/// All fields of `file`, as far as it can be followed.
pub fn fields(file: &[u8]) -> Vec<Field> {
    let mut found = Fields(Vec::new());
    let header = [(0, 8), (8, 2), (10, 2), (12, 4), (16, 4), (40, 4)];
    found.record(8192, &header, Group::Header);
    for slot in [0, 4096] {
        let superblock = [
            (0, 8),
            (8, 2),
            (10, 2),
            (12, 4),
            (16, 8),
            (24, 8),
            (32, 8),
            (40, 8),
            (56, 8),
            (64, 4),
            (80, 8),
            (88, 8),
            (96, 8),
        ];
        found.record(slot, &superblock, Group::Superblock);
        if let Some(manifest) = read(file, slot + 32, 8).filter(|&off| off > 0) {
            found.manifest(file, manifest);
        }
    }
    found.0.retain(|field| field.off + field.len <= file.len());
    found.0.sort_by_key(|field| (field.group, field.off));
    found.0.dedup();
    found.0
}

struct Fields(Vec<Field>);

impl Fields {
    fn record(&mut self, at: usize, places: &[(usize, usize)], group: Group) {
        let field = |&(off, len)| Field {
            off: at + off,
            len,
            group,
        };
        self.0.extend(places.iter().map(field));
    }

    fn array(&mut self, body: Range<usize>, len: usize, group: Group) {
        let field = |off| Field { off, len, group };
        self.0.extend(body.step_by(len).map(field));
    }

    fn extent(&mut self, file: &[u8], at: usize) -> Vec<(u16, Range<usize>)> {
        let header = [
            (0, 4),
            (4, 2),
            (6, 2),
            (8, 8),
            (16, 8),
            (24, 8),
            (32, 2),
            (34, 2),
        ];
        self.record(at, &header, Group::ExtentHeader);
        let sections = sections(file, at);
        for number in 0..sections.len() {
            let entry = [(0, 2), (2, 2), (6, 2), (8, 8), (16, 8), (24, 8), (40, 8)];
            self.record(at + 64 + 64 * number, &entry, Group::SectionTable);
        }
        sections
    }

    fn manifest(&mut self, file: &[u8], at: usize) {
        for (kind, body) in self.extent(file, at) {
            match kind {
                MANIFEST_COUNTERS => self.array(body.start..body.start + 40, 8, Group::Counters),
                SEGMENTS => {
                    for entry in body.step_by(SEGMENT_ENTRY_BYTES) {
                        self.record(
                            entry,
                            &[(0, 8), (8, 2), (12, 4), (16, 4), (20, 4)],
                            Group::Segments,
                        );
                        for reference in (0..4).map(|number| entry + 24 + number * 32) {
                            self.record(reference, &[(0, 8), (8, 8), (16, 8)], Group::Segments);
                            if let Some(off) = read(file, reference, 8).filter(|&off| off > 0) {
                                self.bodies(file, off);
                            }
                        }
                    }
                }
                MANIFEST_BLOBS => self.blobs(file, body),
                MANIFEST_PARAMS => self.params(file, body),
                _ => {}
            }
        }
    }

    /// The extents of a segment: what is in a section, by the width of its elements.
    fn bodies(&mut self, file: &[u8], at: usize) {
        for (kind, body) in self.extent(file, at) {
            let len = match kind {
                0x0104 | 0x0301 | 0x0307 | 0x030C | 0x030E | 0x030F | 0x0501 | 0x0502 => 8,
                0x0105 | 0x0203 | 0x0204 => 2,
                0x0101 | 0x0305 | 0x0306 | 0x0401 | 0x0402 => 1,
                _ => 4,
            };
            self.array(body, len, Group::Section(kind));
        }
    }

    fn blobs(&mut self, file: &[u8], body: Range<usize>) {
        let mut at = body.start;
        while at + BLOB_RECORD_BYTES <= body.end {
            let record = [
                (0, 2),
                (2, 2),
                (4, 4),
                (8, 4),
                (12, 4),
                (16, 8),
                (24, 8),
                (56, 8),
                (64, 8),
                (72, 8),
            ];
            self.record(at, &record, Group::Blobs);
            let texts = [4, 8, 12].map(|off| read(file, at + off, 4).unwrap_or(0));
            at += BLOB_RECORD_BYTES + texts.iter().sum::<usize>();
        }
    }

    fn params(&mut self, file: &[u8], body: Range<usize>) {
        let Some(text) = file.get(body.clone()) else {
            return;
        };
        let is_number = |byte: u8| byte.is_ascii_digit() || byte == b'.' || byte == b'-';
        let mut at = 0;
        while at < text.len() {
            let len = text[at..]
                .iter()
                .take_while(|&&byte| is_number(byte))
                .count();
            let is_value = at > 0 && text[at - 1] == b':';
            if len > 0 && is_value {
                self.record(body.start + at, &[(0, len)], Group::Params);
            }
            at += len.max(1);
        }
    }
}
