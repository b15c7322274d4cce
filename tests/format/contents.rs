//! Everything a reader can get from an index, in the words of `format-spec/read.py --json`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

use half::f16;
use serde_json::{Value, json};
use zerogr::raw::columns::{Csr, SignLists, Strings, VectorRows};
use zerogr::raw::docs::{
    Document, DocumentTable, FieldColumn, FieldValue, PassageTable, sections as document_sections,
};
use zerogr::raw::format::{BlobPlace, SectionKind, SegmentEntry};
use zerogr::raw::lexicon::Analyser;
use zerogr::raw::store::{Extent, MemoryBackend, Section, Store};
use zerogr::raw::trie::{END, SegmentTrie, TokenWidth, TrieHead, TrieNode, sections};
use zerogr::{Index, Mode, OpenOptions, Result, SearchOptions};

use crate::support::encoder::HashingEncoder;

/// Opens the bytes of an index file.
pub fn open(bytes: &[u8], encoder: HashingEncoder) -> Result<Index> {
    Index::open_on(
        Arc::new(MemoryBackend::new(bytes.to_vec())),
        OpenOptions::new().encoder(Arc::new(encoder)),
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn vector(row: &[f16]) -> Value {
    row.iter().map(|value| value.to_f64()).collect()
}

/// Reads a file with the crate, section by section.
pub fn contents(bytes: &[u8]) -> Value {
    let store = Store::open_on(Arc::new(MemoryBackend::new(bytes.to_vec()))).unwrap();
    let manifest = store.manifest();
    let params: Value = match manifest.params.is_empty() {
        true => json!({}),
        false => serde_json::from_slice(&manifest.params).unwrap(),
    };
    let blobs = manifest.blobs.iter().map(|blob| {
        let path = match &blob.place {
            BlobPlace::Embedded(_) => "",
            BlobPlace::External { path } => path,
        };
        json!({"role": blob.role.code(), "name": blob.name, "media_type": blob.media_type,
               "path": path, "len_bytes": blob.len_bytes, "sha256": hex(&blob.sha256)})
    });
    let mut index = json!({
        "format": "0.1",
        "uuid": hex(&store.uuid()),
        "generation": manifest.generation,
        "superseded": false,
        "user": hex(&manifest.user_metadata),
        "blobs": blobs.collect::<Value>(),
        "segments": [], "documents": [], "passages": [], "docids": [], "vectors": [],
        "lexicons": [],
    });
    for (number, entry) in manifest.segments.iter().enumerate() {
        let body = store.extent(&entry.segment).unwrap();
        let heads = store.extent(&entry.heads.unwrap()).unwrap();
        let dead = entry.tombstones.map(|tombstones| {
            let extent = store.extent(&tombstones).unwrap();
            extent.section(document_sections::TOMBSTONES).unwrap()
        });
        let is_dead = |ordinal: u32| {
            dead.as_ref()
                .is_some_and(|bits| bits[ordinal as usize / 8] >> (ordinal % 8) & 1 == 1)
        };
        let segment = Segment::open(&body, &heads, entry, &params);
        push(&mut index["segments"], segment_line(entry));
        for ordinal in 0..entry.doc_count {
            push(
                &mut index["documents"],
                segment.document(number, ordinal, !is_dead(ordinal)),
            );
        }
        for passage in 0..segment.passages.count() {
            push(&mut index["passages"], segment.passage(number, passage));
        }
        for rank in 0..entry.docid_count {
            push(&mut index["docids"], segment.docid(number, rank));
        }
        push(&mut index["vectors"], segment.vectors());
        push(&mut index["lexicons"], segment.lexicon(number));
        for (field, column) in segment.table.columns() {
            let mut columns = index.get("columns").cloned().unwrap_or(json!([]));
            push(&mut columns, column_line(number, field, &column));
            index["columns"] = columns;
        }
        if let Some(reference) = entry.pseudo_queries {
            push_queries(
                &mut index,
                &store.extent(&reference).unwrap(),
                number,
                entry.doc_count,
            );
        }
    }
    if params["lexicon"].get("expansion_weight").is_some() {
        for (number, entry) in manifest.segments.iter().enumerate() {
            if entry.pseudo_queries.is_some() {
                push_expansion(&mut index, number, entry.doc_count);
            }
        }
    }
    index["params"] = params;
    index
}

/// What a language model wrote for the documents of a segment (ZF-PQ-02).
fn push_queries(index: &mut Value, extent: &Extent, segment: usize, n: u32) {
    let [writers, texts, rows, writer_of] = [0x0501, 0x0502, 0x0503, 0x0504].map(SectionKind);
    let Some(writers) = extent.find(writers).unwrap() else {
        return;
    };
    let strings = |section: Section| {
        let count = section.entry_count() as usize;
        Strings::open(section, count).unwrap()
    };
    let (writers, texts) = (strings(writers), strings(extent.section(texts).unwrap()));
    let text_count = texts.row_count() as u32;
    let rows = Csr::open(extent.section(rows).unwrap(), n as usize, text_count).unwrap();
    let writer_of = extent.section(writer_of).unwrap();
    let mut found = index.get("queries").cloned().unwrap_or(json!([]));
    for (ordinal, number) in (0..n).zip(writer_of.chunks_exact(4)) {
        let number = u32::from_le_bytes(number.try_into().unwrap());
        if number > 0 {
            let writer: Value = serde_json::from_str(writers.row(number - 1)).unwrap();
            let queries: Vec<&str> = rows.row(ordinal).map(|row| texts.row(row)).collect();
            let line = json!({"segment": segment, "ordinal": ordinal, "writer": writer,
                              "queries": queries});
            push(&mut found, line);
        }
    }
    index["queries"] = found;
}

/// The lexicon of the queries, from their texts (ZF-PQ-04).
fn push_expansion(index: &mut Value, segment: usize, n: u32) {
    let mut texts = vec![String::new(); n as usize];
    for line in index["queries"].as_array().unwrap() {
        if line["segment"] == segment {
            let queries = line["queries"].as_array().unwrap().iter();
            let queries: Vec<&str> = queries.map(|query| query.as_str().unwrap()).collect();
            texts[line["ordinal"].as_u64().unwrap() as usize] = queries.join("\n");
        }
    }
    let parts = texts.iter().map(|text| vec![text.as_str()]);
    let expansion = lexicon_of(segment, parts);
    let mut found = index.get("expansions").cloned().unwrap_or(json!([]));
    push(&mut found, expansion);
    index["expansions"] = found;
}

/// The lexicon of some rows, each of which is a few texts.
fn lexicon_of<'t>(segment: usize, rows: impl Iterator<Item = Vec<&'t str>>) -> Value {
    let mut terms: BTreeMap<String, BTreeMap<u32, u32>> = BTreeMap::new();
    let mut lengths = Vec::new();
    let analyser = Analyser::default();
    for (row, parts) in (0..).zip(rows) {
        let own = parts.iter().flat_map(|text| analyser.terms(text));
        let own: Vec<String> = own.collect();
        lengths.push(own.len());
        let minor = parts.iter().flat_map(|text| analyser.minor_terms(text));
        for term in own.into_iter().chain(minor) {
            *terms.entry(term).or_default().entry(row).or_default() += 1;
        }
    }
    let listed = |postings: &BTreeMap<u32, u32>| -> Value {
        let pairs = postings.iter();
        pairs.map(|(row, count)| json!([row, count])).collect()
    };
    let terms: serde_json::Map<String, Value> = terms
        .iter()
        .map(|(term, postings)| (term.clone(), listed(postings)))
        .collect();
    json!({"segment": segment, "terms": terms, "lengths": lengths})
}

/// What a payload holds beside the parts of the document (ZF-SG-08, ZF-FD-01).
fn kept(document: &Document) -> Value {
    let mut kept = json!(document.extra);
    if !document.fields.is_empty() {
        kept["metadata"] = json!(document.fields);
    }
    kept
}

fn column_line(segment: usize, field: &str, column: &FieldColumn<'_>) -> Value {
    let value = |number| {
        let value = match column.value(number) {
            FieldValue::Timestamp(time) => json!(time.unix_us()),
            value => json!(value),
        };
        json!([value, column.documents(number).collect::<Vec<_>>()])
    };
    json!({"segment": segment, "field": field, "type": column.field_type(),
           "values": (0..column.value_count()).map(value).collect::<Vec<_>>()})
}

fn push(list: &mut Value, value: Value) {
    list.as_array_mut().unwrap().push(value);
}

fn segment_line(entry: &SegmentEntry) -> Value {
    json!({"id": entry.id, "level": entry.level, "documents": entry.doc_count,
           "dead": entry.dead_count, "docids": entry.docid_count})
}

struct Segment {
    trie: SegmentTrie,
    postings: Csr,
    passage_docids: Csr,
    texts: Strings,
    table: DocumentTable,
    passages: PassageTable,
    passage_vectors: VectorRows,
    token_vectors: Option<SignLists>,
    document_head: VectorRows,
    trie_head: TrieHead,
}

impl Segment {
    fn open(body: &Extent, heads: &Extent, entry: &SegmentEntry, params: &Value) -> Self {
        let (n, m) = (entry.doc_count, entry.docid_count);
        let number = |value: &Value| value.as_u64().unwrap() as usize;
        let dim = number(&params["encoder"]["dim"]);
        let width = number(&params["tokenizer"]["token_width_bytes"]);
        let width = TokenWidth::from_bytes_per_token(width).unwrap();
        let passages = PassageTable::open(body, n as usize).unwrap();
        let p = passages.count();
        let rows = |section| VectorRows::open(section, p as usize, dim).unwrap();
        let section = |kind| body.section(kind).unwrap();
        let head = |kind| heads.section(kind).unwrap();
        let passage_vectors = rows(section(sections::DOCUMENT_VECTORS));
        Segment {
            trie: SegmentTrie::open(section(sections::TRIE), width, m).unwrap(),
            postings: Csr::open(section(sections::POSTINGS), m as usize, p).unwrap(),
            passage_docids: Csr::open(section(sections::DOCUMENT_DOCIDS), p as usize, m).unwrap(),
            texts: Strings::open(section(sections::DOCID_TEXTS), m as usize).unwrap(),
            table: DocumentTable::open(body, n as usize).unwrap(),
            document_head: match heads.find(sections::DOCUMENT_HEAD).unwrap() {
                Some(section) => rows(section),
                None => passage_vectors.clone(),
            },
            passage_vectors,
            token_vectors: body.find(sections::TOKEN_VECTORS).unwrap().map(|section| {
                assert_eq!(params["encoder"]["token_vectors"], true);
                SignLists::open(section, p as usize, dim).unwrap()
            }),
            trie_head: TrieHead::open(
                head(sections::HEAD_NODES),
                head(sections::HEAD_EDGES),
                head(sections::EDGE_VECTORS),
                dim,
            )
            .unwrap(),
            passages,
        }
    }

    fn document(&self, segment: usize, ordinal: u32, live: bool) -> Value {
        let document = self.table.document(ordinal).unwrap();
        json!({"segment": segment, "ordinal": ordinal, "id": document.id, "live": live,
               "title": document.title, "text": document.text, "tags": document.tags,
               "fields": kept(&document)})
    }

    fn passage(&self, segment: usize, passage: u32) -> Value {
        let place = self.passages.place(passage);
        let range = |range: &Range<usize>| [range.start, range.end];
        let docids = self.passage_docids.row(passage);
        json!({"segment": segment, "passage": passage,
               "document": self.passages.document_of(passage),
               "bytes": place.as_ref().map(|place| range(&place.bytes)),
               "chars": place.as_ref().map(|place| range(&place.chars)),
               "headings": place.map_or(Vec::new(), |place| place.headings),
               "docids": docids.map(|rank| self.texts.row(rank)).collect::<Vec<_>>()})
    }

    fn docid(&self, segment: usize, rank: u32) -> Value {
        json!({"segment": segment, "rank": rank, "tokens": self.trie.docid(rank).unwrap(),
               "text": self.texts.row(rank),
               "passages": self.postings.row(rank).collect::<Vec<_>>()})
    }

    /// What the lexicon should be, from the texts (ZF-SG-12).
    fn lexicon(&self, segment: usize) -> Value {
        let documents = (0..self.passages.count()).map(|passage| {
            let ordinal = self.passages.document_of(passage);
            self.table.document(ordinal).unwrap()
        });
        let documents: Vec<Document> = documents.collect();
        let rows = (0..).zip(&documents).map(|(passage, document)| {
            let ordinal = self.passages.document_of(passage);
            // The title's words are those of the first passage.
            let title = match self.passages.of(ordinal).start == passage {
                true => document.title.as_str(),
                false => "",
            };
            let place = self.passages.place(passage);
            let text = place.map_or(document.text.as_str(), |place| place.of(&document.text));
            vec![title, text]
        });
        lexicon_of(segment, rows)
    }

    fn vectors(&self) -> Value {
        let all = |rows: &VectorRows| -> Value {
            (0..self.passages.count() as usize)
                .map(|row| vector(rows.row(row)))
                .collect()
        };
        let mut nodes = Vec::new();
        if self.trie.docid_count() > 0 {
            self.push_nodes(self.trie.root(), &mut nodes);
        }
        nodes.sort_by_key(|(order, _)| *order);
        let signs = |lists: &SignLists| -> Value {
            (0..self.passages.count())
                .map(|passage| {
                    let list = lists.row(passage);
                    json!({"factors": vector(list.factors), "signs": hex(list.signs)})
                })
                .collect()
        };
        json!({"passages": all(&self.passage_vectors),
               "tokens": self.token_vectors.as_ref().map(signs),
               "document_head": all(&self.document_head),
               "trie_head": nodes.into_iter().map(|(_, node)| node).collect::<Value>()})
    }

    /// Every listed node at or below `node`, with its place in the order of the file.
    fn push_nodes(&self, node: TrieNode, nodes: &mut Vec<((u32, u32), Value)>) {
        let mut children = Vec::new();
        self.trie.children(node, &mut children).unwrap();
        if let Some(listed) = self.trie_head.node(&node) {
            let edges = (0u32..).zip(&children).map(|(index, child)| {
                let edge = listed.edge(index).unwrap();
                json!({"token": (child.token != END).then_some(child.token),
                       "first_rank": child.node.lo, "norm": edge.norm, "bias": edge.bias,
                       "vector": vector(edge.unit)})
            });
            let children: Value = edges.collect();
            let listed = json!({"depth": node.depth, "first_rank": node.lo, "children": children});
            nodes.push(((node.depth, node.lo), listed));
        }
        for child in children.iter().filter(|child| child.token != END) {
            self.push_nodes(child.node, nodes);
        }
    }
}

/// The answers to `queries`, drawn and reranked.
pub fn searches(bytes: &[u8], encoder: HashingEncoder, queries: &[&str]) -> Value {
    let index = open(bytes, encoder).unwrap();
    let snapshot = index.snapshot();
    let mut searches = json!([]);
    for query in queries {
        for rerank in [false, true] {
            let vector = encoder.vector(query, usize::MAX);
            let options = SearchOptions::new()
                .mode(Mode::Generative)
                .k(5)
                .rerank(rerank);
            let encoded = index.encode_query(query, None).unwrap();
            assert_eq!(encoded.vector(), vector);
            let found = snapshot.search_encoded(query, &encoded, &options).unwrap();
            let hits = found.hits.iter().map(|hit| {
                let places = hit.passages.iter().map(|place| {
                    json!({"bytes": [place.bytes.start, place.bytes.end], "score": place.score})
                });
                json!({"id": hit.id, "score": hit.score, "log_prob": hit.log_prob,
                       "docid": hit.docid, "passages": places.collect::<Value>()})
            });
            let hits: Value = hits.collect();
            push(
                &mut searches,
                json!({"query": query, "vector": vector, "k": 5, "rerank": rerank, "hits": hits}),
            );
        }
    }
    searches
}

/// Panics with the place of the first difference. Numbers may differ by `tolerance`.
pub fn assert_same(found: &Value, expected: &Value, tolerance: f64, place: &str) {
    match (found, expected) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = |map: &serde_json::Map<String, Value>| {
                let mut keys: Vec<String> = map.keys().cloned().collect();
                keys.sort();
                keys
            };
            assert_eq!(keys(a), keys(b), "{place}");
            for (key, value) in a {
                assert_same(value, &b[key], tolerance, &format!("{place}.{key}"));
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{place}");
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                assert_same(a, b, tolerance, &format!("{place}[{at}]"));
            }
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            // Parsing a decimal may be off by the last bit.
            let slack = tolerance + 1e-14 * b.abs();
            assert!((a - b).abs() <= slack, "{place}: {a} is not {b}");
        }
        _ => assert_eq!(found, expected, "{place}"),
    }
}
