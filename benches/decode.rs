//! Decoding beside its literal form, and listing children beside a CSR matrix.
//!
//! `cargo bench --bench decode` needs no model and no file. The first part has the size and
//! shape of the SciFact index: 5,183 documents with three docids each, the same seven keywords
//! with another one first, and a trie head of 384 dimensions that has seen no training. The
//! literal loop makes 100 full decodes with nothing shared: every draw reads the query again and
//! asks the expander at every branching it passes. Its draws are asserted to be ours.
//!
//! The second part lists the children of every prefix on the way to a docid, in tries of 10^4
//! and 10^6 docids: the transducer with its masks, the crate `constraint-decoding-trie` (a CSR
//! matrix, which has no masks, cannot be changed and gives a mask over the vocabulary), and a
//! plain sorted CSR trie.

#![allow(clippy::unwrap_used)]

mod literal;

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Instant;

use constraint_decoding_trie::transition::build_static_index;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use half::f16;
use literal::{choose, undrawn};
use zerogr::Result;
use zerogr::raw::columns::{Csr, CsrBuilder, VectorRows};
use zerogr::raw::decode::*;
use zerogr::raw::format::{SectionInput, SectionKind};
use zerogr::raw::search::CompactExpander;
use zerogr::raw::segment::{CompactEdges, CompactSegment};
use zerogr::raw::store::Section;
use zerogr::raw::trie::{
    Forest, ForestChild, ForestTrie, HeadBuilder, LiveRanks, SegmentTrie, TokenWidth, TrieHead,
    build_trie,
};

const DIM: usize = 384;
const SCALE: f32 = 20.0;
const DOCUMENTS: usize = 5_183;
const WORDS: usize = 12_000;
/// Tokens. The commoner half of them are words, the rest begin or end the rarer words.
const VOCABULARY: usize = 4_000;
const KEYWORDS: usize = 7;
const QUERIES: usize = 20;
const DRAWS: usize = 100;

/// Xorshift: enough for made-up documents.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    fn unit(&mut self) -> f64 {
        self.next() as f64 / (1u64 << 53) as f64
    }

    /// A vector with the length of about one.
    fn vector(&mut self) -> Vec<f32> {
        let spread = (3.0 / DIM as f64).sqrt();
        (0..DIM)
            .map(|_| ((self.unit() * 2.0 - 1.0) * spread) as f32)
            .collect()
    }

    /// A word: few are common, many are rare.
    fn word(&mut self) -> u32 {
        (WORDS as f64 * self.unit().powi(2)) as u32
    }
}

/// The tokens of a word: rare words are two pieces, as a word-piece tokenizer has it.
fn pieces(word: u32) -> Vec<u32> {
    let half = VOCABULARY as u32 / 2;
    match word < half {
        true => vec![word],
        false => vec![half + word % 1_500, half + 1_500 + word / 1_500],
    }
}

fn section(bytes: Vec<u8>) -> Section {
    Section::from_input(&SectionInput::new(SectionKind(1), 0, bytes)).unwrap()
}

/// One segment in memory.
struct Segment {
    trie: SegmentTrie,
    postings: Csr,
    passage_docids: Csr,
    vectors: VectorRows,
    head: TrieHead,
    queries: Vec<Vec<f32>>,
}

impl Segment {
    fn new() -> Self {
        let mut noise = Noise(0x5eed);
        let words: Vec<Vec<f32>> = (0..WORDS).map(|_| noise.vector()).collect();
        let (mut docids_of, mut vectors) = (Vec::new(), Vec::new());
        for _ in 0..DOCUMENTS {
            let mut keywords: Vec<u32> = Vec::new();
            while keywords.len() < KEYWORDS {
                let word = noise.word();
                if !keywords.contains(&word) {
                    keywords.push(word);
                }
            }
            let mut vector = noise.vector();
            for &word in &keywords {
                vector
                    .iter_mut()
                    .zip(&words[word as usize])
                    .for_each(|(v, w)| *v += w);
            }
            let rotated = (0..3).map(|first| {
                let mut docid = keywords.clone();
                docid[..=first].rotate_right(1);
                docid.into_iter().flat_map(pieces).collect::<Vec<u32>>()
            });
            docids_of.push(rotated.collect::<BTreeSet<_>>());
            vectors.push(unit(vector));
        }
        let queries = (0..QUERIES).map(|_| {
            let document = &vectors[noise.next() as usize % DOCUMENTS];
            let mut query = noise.vector();
            query
                .iter_mut()
                .zip(document)
                .for_each(|(q, d)| *q += 2.0 * d);
            unit(query)
        });
        let queries = queries.collect();

        let docids: BTreeSet<&Vec<u32>> = docids_of.iter().flatten().collect();
        let docids: Vec<&Vec<u32>> = docids.into_iter().collect();
        let trie = trie_of(&docids);
        let rank = |docid| docids.binary_search(&docid).unwrap() as u32;
        let mut carriers = vec![Vec::new(); docids.len()];
        let (mut postings, mut passage_docids) = (CsrBuilder::default(), CsrBuilder::default());
        for (ordinal, own) in docids_of.iter().enumerate() {
            passage_docids.push_row(own.iter().map(rank));
            own.iter()
                .for_each(|docid| carriers[rank(docid) as usize].push(ordinal as u32));
        }
        carriers.into_iter().for_each(|row| postings.push_row(row));
        let bytes = vectors
            .iter()
            .flatten()
            .flat_map(|&value| f16::from_f32(value).to_le_bytes());
        let vectors = VectorRows::open(section(bytes.collect()), DOCUMENTS, DIM).unwrap();
        let (count, documents) = (docids.len() as u32, DOCUMENTS as u32);
        let postings = Csr::open(
            section(postings.into_bytes().unwrap()),
            docids.len(),
            documents,
        )
        .unwrap();
        let head = HeadBuilder::untrained(&trie, &postings, &vectors).unwrap();
        Segment {
            head: TrieHead::open(
                section(head.nodes),
                section(head.edges),
                section(head.vectors),
                DIM,
            )
            .unwrap(),
            passage_docids: Csr::open(
                section(passage_docids.into_bytes().unwrap()),
                DOCUMENTS,
                count,
            )
            .unwrap(),
            trie,
            postings,
            vectors,
            queries,
        }
    }

    fn forest(&self) -> Forest<'_> {
        Forest::new([ForestTrie {
            trie: &self.trie,
            present: None,
            live: None,
        }])
    }

    fn expander<'a>(&'a self, query: &'a [f32]) -> CompactExpander<'a> {
        let edges = CompactSegment {
            head: &self.head,
            postings: &self.postings,
            passage_vectors: &self.vectors,
        };
        CompactExpander::new(query, SCALE, CompactEdges::new(vec![edges]))
    }

    fn decode(
        &self,
        forest: &Forest<'_>,
        query: &[f32],
        decoder: &Decoder,
        batch: usize,
    ) -> (Decoded, Work) {
        let mut expander = Batched {
            inner: self.expander(query),
            batch,
        };
        let mut memo = Memo::new(forest, &mut expander);
        let request = Request {
            k: DRAWS,
            postings: self,
            planner: None,
        };
        let decoded = decoder.decode(&mut memo, &request).unwrap();
        (decoded, memo.work())
    }

    /// The law in plain loops: every draw for itself, from the root, token by token to where its
    /// docid is alone in the trie, as the reference does: a step that removal left one way to go
    /// is a pass like any other.
    fn literal(
        &self,
        forest: &Forest<'_>,
        query: &[f32],
        options: &ReverseAnnealed,
    ) -> (Vec<u32>, Work) {
        let mut expander = self.expander(query);
        let mut work = Work::default();
        let mut drawn: Vec<u32> = Vec::new();
        for draw in 0..options.draws {
            let temperature = options.temperature(draw);
            work.prefills += 1;
            let mut node = forest.root();
            let mut depth = 0;
            while node.parts[0].node.hi - node.parts[0].node.lo > 1 {
                let mut children = forest.children(&node).unwrap();
                children.retain(|child| undrawn(&child.node, &drawn) > 0);
                let mut logits = Vec::new();
                let branching = Branching {
                    node: &node,
                    children: &children,
                };
                expander.expand(&[branching], &mut logits).unwrap();
                work.passes += 1;
                work.node_evaluations += 1;
                work.children_scored += children.len() as u64;
                let uniform = draw_uniform(options.seed, draw as u64, depth);
                let chosen = choose(&logits, temperature, uniform);
                node = children.swap_remove(chosen).node;
                depth += 1;
            }
            let rank = node.parts[0].node.lo;
            drawn.insert(drawn.partition_point(|&one| one < rank), rank);
        }
        work.bytes_touched = expander.bytes_touched();
        (drawn, work)
    }
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|value| *value /= length);
    vector
}

fn trie_of<D: AsRef<[u32]>>(docids: &[D]) -> SegmentTrie {
    let width = TokenWidth::for_vocabulary(VOCABULARY).unwrap();
    let keys = docids
        .iter()
        .map(|docid| width.key(docid.as_ref()).unwrap());
    SegmentTrie::open(
        section(build_trie(keys).unwrap()),
        width,
        docids.len() as u32,
    )
    .unwrap()
}

impl Postings for Segment {
    fn passages(&self, docid: DocidPlace, ordinals: &mut Vec<u32>) {
        ordinals.extend(self.postings.row(docid.rank));
    }

    fn docids(&self, document: PassagePlace, ranks: &mut Vec<u32>) {
        ranks.extend(self.passage_docids.row(document.passage));
    }

    fn max_docids_per_passage(&self) -> usize {
        3
    }
}

/// The trie head behind an interface whose calls are dear, as a language model's are.
struct Batched<'a> {
    inner: CompactExpander<'a>,
    batch: usize,
}

impl Expander for Batched<'_> {
    fn batch(&self) -> usize {
        self.batch
    }

    fn bytes_touched(&self) -> u64 {
        self.inner.bytes_touched()
    }

    fn expand(&mut self, nodes: &[Branching<'_>], logits: &mut Vec<f32>) -> Result<()> {
        self.inner.expand(nodes, logits)
    }
}

fn print_work(name: &str, works: &[Work], started: Instant) {
    let millis = started.elapsed().as_secs_f64() * 1e3 / works.len() as f64;
    let mean =
        |count: fn(&Work) -> u64| works.iter().map(count).sum::<u64>() as f64 / works.len() as f64;
    println!(
        "{name:<34} {:>8.0} {:>8.1} {:>8.1} {:>10.0} {:>8.2} {millis:>9.2}",
        mean(|work| work.prefills),
        mean(|work| work.passes),
        mean(|work| work.node_evaluations),
        mean(|work| work.children_scored),
        mean(|work| work.bytes_touched) / 1e6,
    );
}

fn decoders() -> Vec<(&'static str, Decoder)> {
    vec![
        (
            "reverse-annealed, K = 100",
            Decoder::ReverseAnnealed(ReverseAnnealed::default()),
        ),
        ("best-first, top 100", Decoder::BestFirst),
        ("beam, width 100", Decoder::Beam(Beam::default())),
        (
            "gumbel, top 100",
            Decoder::GumbelTopK(GumbelTopK::default()),
        ),
    ]
}

fn decoding(criterion: &mut Criterion) {
    let segment = Segment::new();
    let forest = segment.forest();
    let paper = ReverseAnnealed::default();
    println!(
        "{DOCUMENTS} documents, {} docids, {} edges, {} below the root; per query:\n\
         {:<34} {:>8} {:>8} {:>8} {:>10} {:>8} {:>9}",
        segment.trie.docid_count(),
        segment.head.edge_count(),
        forest.children(&forest.root()).unwrap().len(),
        "",
        "prefills",
        "passes",
        "prefixes",
        "children",
        "MB",
        "ms",
    );
    let started = Instant::now();
    let literal: Vec<(Vec<u32>, Work)> = segment
        .queries
        .iter()
        .map(|query| segment.literal(&forest, query, &paper))
        .collect();
    let works: Vec<Work> = literal.iter().map(|one| one.1).collect();
    print_work("reverse-annealed, literally", &works, started);
    for (name, decoder) in decoders() {
        for batch in [1, 32] {
            let started = Instant::now();
            let results: Vec<(Decoded, Work)> = segment
                .queries
                .iter()
                .map(|query| segment.decode(&forest, query, &decoder, batch))
                .collect();
            let works: Vec<Work> = results.iter().map(|one| one.1).collect();
            print_work(
                &format!("{name}{}", if batch > 1 { ", 32 a pass" } else { "" }),
                &works,
                started,
            );
            if let Decoder::ReverseAnnealed(_) = decoder {
                for ((decoded, _), (drawn, _)) in results.iter().zip(&literal) {
                    let ours: BTreeSet<u32> =
                        decoded.passages.iter().map(|one| one.best_rank).collect();
                    let drawn: BTreeSet<u32> = drawn.iter().copied().collect();
                    // Draws that bring no new document are not seen from outside.
                    assert!(ours.is_subset(&drawn) && !ours.is_empty());
                }
            }
        }
    }

    let mut group = criterion.benchmark_group("decode");
    group.sample_size(10);
    let mut queries = segment.queries.iter().cycle();
    group.bench_function("reverse-annealed, literally", |bencher| {
        bencher.iter(|| segment.literal(&forest, queries.next().unwrap(), &paper));
    });
    for (name, decoder) in decoders() {
        group.bench_function(name, |bencher| {
            bencher.iter(|| segment.decode(&forest, queries.next().unwrap(), &decoder, 1));
        });
    }
    group.finish();
}

/// Distinct docids of three levels, sorted.
fn three_levels(count: usize) -> Vec<Vec<u32>> {
    let mut noise = Noise(7);
    let mut docids = BTreeSet::new();
    while docids.len() < count {
        let mut below = |bound: u64| (noise.next() % bound) as u32;
        docids.insert(vec![below(1_000), below(100), below(40)]);
    }
    docids.into_iter().collect()
}

/// A plain sorted CSR trie: children of a node side by side, with the ranks below each.
#[derive(Default)]
struct CsrTrie {
    /// Token, node below, first rank below.
    edges: Vec<(u32, u32, u32)>,
    /// First edge of each node; one more than nodes.
    first: Vec<u32>,
    docid_count: u32,
}

impl CsrTrie {
    fn new(docids: &[Vec<u32>]) -> Self {
        let mut built = CsrTrie {
            docid_count: docids.len() as u32,
            ..CsrTrie::default()
        };
        // Level by level: a node is a range of docids with a common prefix.
        let mut level = vec![(0, docids.len())];
        let mut nodes = 1u32;
        for depth in 0..3 {
            let mut next = Vec::new();
            for (lo, hi) in level {
                built.first.push(built.edges.len() as u32);
                let mut from = lo;
                for group in docids[lo..hi].chunk_by(|a, b| a[depth] == b[depth]) {
                    built.edges.push((group[0][depth], nodes, from as u32));
                    nodes += 1;
                    next.push((from, from + group.len()));
                    from += group.len();
                }
            }
            level = next;
        }
        built
            .first
            .resize(nodes as usize + 1, built.edges.len() as u32);
        built
    }

    /// Live children of a node whose ranks end at `end`, with their ranks.
    fn children(&self, node: u32, end: u32, live: &LiveRanks, out: &mut Vec<(u32, u32, u32, u32)>) {
        let row = self.first[node as usize] as usize..self.first[node as usize + 1] as usize;
        out.clear();
        let row = &self.edges[row];
        for (index, &(token, below, lo)) in row.iter().enumerate() {
            let hi = row.get(index + 1).map_or(end, |next| next.2);
            if live.count(lo, hi) > 0 {
                out.push((token, below, lo, hi));
            }
        }
    }
}

fn listing(criterion: &mut Criterion) {
    for count in [10_000, 1_000_000] {
        let docids = three_levels(count);
        let mut noise = Noise(11);
        let wanted: Vec<&Vec<u32>> = (0..1_000)
            .map(|_| &docids[noise.next() as usize % count])
            .collect();
        // One docid in ten is dead, but none of those walked to.
        let rank = |docid: &Vec<u32>| docids.binary_search(docid).unwrap() as u32;
        let kept: BTreeSet<u32> = wanted.iter().map(|docid| rank(docid)).collect();
        let live = LiveRanks::from_fn(count as u32, |rank| rank % 10 != 3 || kept.contains(&rank));

        let mut group =
            criterion.benchmark_group(format!("children along a docid, {count} docids"));
        group.sample_size(20);
        let trie = trie_of(&docids);
        for (name, mask) in [("transducer", None), ("transducer, masked", Some(&live))] {
            let forest = Forest::new([ForestTrie {
                trie: &trie,
                present: mask,
                live: mask,
            }]);
            let mut next = wanted.iter().cycle();
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| {
                    let mut node = forest.root();
                    for token in *next.next().unwrap() {
                        let children: Vec<ForestChild> = forest.children(&node).unwrap();
                        let at = children
                            .binary_search_by_key(token, |child| child.token)
                            .unwrap();
                        node = black_box(children)[at].node.clone();
                    }
                    node
                });
            });
        }

        let csr = CsrTrie::new(&docids);
        let mut next = wanted.iter().cycle();
        let mut children = Vec::new();
        group.bench_function(
            BenchmarkId::from_parameter("plain CSR, masked"),
            |bencher| {
                bencher.iter(|| {
                    let (mut node, mut end) = (0, csr.docid_count);
                    for token in *next.next().unwrap() {
                        csr.children(node, end, &live, &mut children);
                        let at = children
                            .binary_search_by_key(token, |child| child.0)
                            .unwrap();
                        (_, node, _, end) = black_box(&children)[at];
                    }
                    node
                });
            },
        );

        let matrix = build_static_index(&docids, 1_000, 3, 1);
        let mut next = wanted.iter().cycle();
        group.bench_function(
            BenchmarkId::from_parameter("constraint-decoding-trie"),
            |bencher| {
                bencher.iter(|| {
                    let mut node = 0;
                    for (level, token) in next.next().unwrap().iter().enumerate() {
                        let result = matrix.sparse.vntk(&[node], level);
                        node = black_box(&result)
                            .children_for(0)
                            .find(|child| child.0 == *token)
                            .unwrap()
                            .1;
                    }
                    node
                });
            },
        );
        println!(
            "{count} docids: transducer {:.1} MB, CSR matrix {:.1} MB",
            trie_bytes(&docids) as f64 / 1e6,
            (matrix.sparse.data.len() * 8 + matrix.sparse.row_pointers.len() * 4) as f64 / 1e6,
        );
        group.finish();
    }
}

fn trie_bytes(docids: &[Vec<u32>]) -> usize {
    let width = TokenWidth::for_vocabulary(VOCABULARY).unwrap();
    build_trie(docids.iter().map(|docid| width.key(docid).unwrap()))
        .unwrap()
        .len()
}

criterion_group!(benches, decoding, listing);
criterion_main!(benches);
