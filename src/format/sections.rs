//! The one registry of section kinds: in which extents they are, their numbers and names.
//!
//! The bodies belong to the layers above, which take their constants from here; the registry knows
//! what a section is called, not what is in it. Names are those of the specification, and the test
//! of the specification holds both against each other.

use super::extent::{ExtentKind, SectionKind};

/// What is known about a kind of section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownSection {
    /// The kind of extent it is in; the same number means something else in another.
    pub extent: ExtentKind,
    /// Its number.
    pub kind: SectionKind,
    /// Its name in the specification, as `DOCUMENT_HEAD`.
    pub name: &'static str,
}

macro_rules! registry {
    ($($(#[$of_layer:meta])* $layer:ident {
        $($(#[$of_kind:meta])* $extent:ident $name:ident = $number:literal;)*
    })*) => {
        $($(#[$of_layer])* pub mod $layer {
            use super::SectionKind;
            $($(#[$of_kind])* pub const $name: SectionKind = SectionKind($number);)*
        })*

        /// Every kind of section that this build knows.
        pub const KNOWN: &[KnownSection] = &[$($(KnownSection {
            extent: ExtentKind::$extent,
            kind: $layer::$name,
            name: stringify!($name),
        },)*)*];
    };
}

registry! {
    /// The sections of a manifest.
    manifest {
        /// Fixed counters.
        Manifest COUNTERS = 1;
        /// The segments, oldest first.
        Manifest SEGMENTS = 2;
        /// The blobs.
        Manifest BLOBS = 3;
        /// Parameters that shape results, as JSON.
        Manifest PARAMS = 4;
        /// Bytes of the embedding application.
        Manifest USER = 5;
    }
    /// The one section of a blob.
    blob {
        /// The blob's bytes.
        Blob BYTES = 1;
    }
    /// Docids and what decodes them.
    trie {
        /// Transducer from docid key to rank; encoding 1 = fst 0.4 (format version 3).
        Segment TRIE = 0x0101;
        /// Rank -> passages that carry the docid (CSR).
        Segment POSTINGS = 0x0102;
        /// Passage -> ranks of its docids, its own order kept (CSR).
        Segment DOCUMENT_DOCIDS = 0x0103;
        /// Rank -> docid text (strings).
        Segment DOCID_TEXTS = 0x0104;
        /// Passage -> its vector (encoding 1 = float16 rows).
        Segment DOCUMENT_VECTORS = 0x0105;
        /// Passage -> vectors of its distinct tokens (encoding 1 = signs and factors).
        Segment TOKEN_VECTORS = 0x0106;
        /// Branching nodes of the trie head.
        Heads HEAD_NODES = 0x0201;
        /// Edges of the trie head, those of a node side by side.
        Heads HEAD_EDGES = 0x0202;
        /// Edge -> unit vector (encoding 1 = float16 rows).
        Heads EDGE_VECTORS = 0x0203;
        /// Passage -> fitted vector of the document head (encoding 1 = float16 rows).
        Heads DOCUMENT_HEAD = 0x0204;
    }
    /// Documents, and which of them are deleted.
    docs {
        /// Ordinal -> external id (strings).
        Segment EXTERNAL_IDS = 0x0301;
        /// Ordinals sorted by external id.
        Segment EXTERNAL_ID_ORDER = 0x0302;
        /// Ordinal -> place in the payload blocks.
        Segment PAYLOAD_INDEX = 0x0303;
        /// Payload blocks: where, how long, how packed.
        Segment PAYLOAD_BLOCKS = 0x0304;
        /// The packed payloads.
        Segment PAYLOADS = 0x0305;
        /// Bitmap of deleted ordinals.
        Tombstones TOMBSTONES = 0x0306;
        /// The distinct tags, sorted (strings); absent when no document has one.
        Segment TAG_NAMES = 0x0307;
        /// Tag -> ordinals of the documents that carry it (CSR); absent with [`TAG_NAMES`].
        Segment TAG_DOCUMENTS = 0x0308;
        /// Ordinal -> number of the document's first passage; absent when every document is one.
        Segment DOCUMENT_PASSAGES = 0x0309;
        /// Passage -> where it is in its document's text; absent with [`DOCUMENT_PASSAGES`].
        Segment PASSAGE_PLACES = 0x030A;
        /// Passage -> headings above it (strings); absent when there are none.
        Segment PASSAGE_HEADINGS = 0x030B;
        /// The fields, sorted (strings); absent when no document has one, with all that follows.
        Segment FIELD_NAMES = 0x030C;
        /// Field -> type and number of distinct values.
        Segment FIELD_COLUMNS = 0x030D;
        /// Distinct values of all fields of numbers, ascending in each (`u64`).
        Segment FIELD_NUMBERS = 0x030E;
        /// Distinct values of all fields of keywords, ascending in each (strings).
        Segment FIELD_KEYWORDS = 0x030F;
        /// Value -> ordinals of the documents that have it (CSR).
        Segment FIELD_DOCUMENTS = 0x0310;
    }
    /// The lexicon.
    lexicon {
        /// Transducer from term to the place of its postings.
        Segment TERMS = 0x0401;
        /// Postings of all terms, one after the other.
        Segment TERM_POSTINGS = 0x0402;
        /// Passage -> number of its terms, repeated ones counted (`u32`).
        Segment DOCUMENT_LENGTHS = 0x0403;
    }
    /// Queries that a language model wrote.
    queries {
        /// How queries were written: strings, JSON objects.
        PseudoQueries QUERY_WRITERS = 0x0501;
        /// The queries of all documents: strings.
        PseudoQueries QUERY_TEXTS = 0x0502;
        /// Ordinal -> rows of the texts: lists.
        PseudoQueries DOCUMENT_QUERIES = 0x0503;
        /// Ordinal -> 1 + number of the writer, or 0: u32 each.
        PseudoQueries DOCUMENT_WRITERS = 0x0504;
        /// Transducer from term of the queries to the place of its postings.
        PseudoQueries EXPANSION_TERMS = 0x0505;
        /// Postings of all terms of the queries, one after the other.
        PseudoQueries EXPANSION_POSTINGS = 0x0506;
        /// Ordinal -> number of terms of the queries, repeated ones counted (`u32`).
        PseudoQueries EXPANSION_LENGTHS = 0x0507;
    }
}

fn known(extent: ExtentKind, kind: SectionKind) -> Option<&'static KnownSection> {
    let mut all = KNOWN.iter();
    all.find(|known| known.extent == extent && known.kind == kind)
}

/// Whether this build knows a section of an extent.
pub fn is_known(extent: ExtentKind, kind: SectionKind) -> bool {
    known(extent, kind).is_some()
}

/// What people call a section of an extent: "document head", or its number if it is unknown.
pub fn name_of(extent: ExtentKind, kind: SectionKind) -> String {
    match known(extent, kind) {
        Some(known) => known.name.to_lowercase().replace('_', " "),
        None => format!("{:#06x}", kind.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_one_name_and_people_can_read_it() {
        for (at, one) in KNOWN.iter().enumerate() {
            let others = &KNOWN[at + 1..];
            assert!(
                !others
                    .iter()
                    .any(|other| (other.extent, other.kind) == (one.extent, one.kind)),
                "{one:?}"
            );
        }
        let name = |number| name_of(ExtentKind::Heads, SectionKind(number));
        assert_eq!(name(0x0204), "document head");
        assert_eq!(name(0x0101), "0x0101");
    }
}
