//! Small indexes in the plainest form, and the laws over them in plain loops.
#![allow(dead_code)]

pub mod shapes;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use zerogr::Result;
use zerogr::raw::decode::*;
use zerogr::raw::format::{SectionInput, SectionKind};
use zerogr::raw::store::Section;
use zerogr::raw::trie::{END, Forest, ForestTrie, LiveRanks, SegmentTrie, TokenWidth, build_trie};

pub type Docid = Vec<u32>;
pub type Document = (u32, u32);

/// A document: its docids, whether it is deleted, whether a filter leaves it out.
#[derive(Debug, Clone, Default)]
pub struct PlainDocument {
    pub docids: BTreeSet<Docid>,
    pub is_deleted: bool,
    pub is_filtered: bool,
}

impl PlainDocument {
    pub fn is_live(&self) -> bool {
        !self.is_deleted && !self.is_filtered
    }
}

/// A logit for a token after a prefix.
pub type Logits<'a> = dyn Fn(&[u32], u32) -> f32 + 'a;

struct Segment {
    documents: Vec<PlainDocument>,
    docids: Vec<Docid>,
    trie: SegmentTrie,
    present: LiveRanks,
    live: LiveRanks,
}

/// Segments with their tries.
pub struct Corpus {
    segments: Vec<Segment>,
}

impl Corpus {
    pub fn new(segments: Vec<Vec<PlainDocument>>) -> Self {
        let segments = segments.into_iter().map(|documents| {
            let docids: BTreeSet<Docid> = documents
                .iter()
                .flat_map(|document| document.docids.clone())
                .collect();
            let docids: Vec<Docid> = docids.into_iter().collect();
            let width = TokenWidth::for_vocabulary(100).unwrap();
            let keys = docids.iter().map(|docid| width.key(docid).unwrap());
            let input = SectionInput::new(SectionKind(1), 0, build_trie(keys).unwrap());
            let section = Section::from_input(&input).unwrap();
            let count = docids.len() as u32;
            let mask = |lets_through: fn(&PlainDocument) -> bool| {
                LiveRanks::from_fn(count, |rank| {
                    documents.iter().any(|document| {
                        lets_through(document) && document.docids.contains(&docids[rank as usize])
                    })
                })
            };
            Segment {
                trie: SegmentTrie::open(section, width, count).unwrap(),
                present: mask(|document| !document.is_deleted),
                live: mask(PlainDocument::is_live),
                documents,
                docids,
            }
        });
        Corpus {
            segments: segments.collect(),
        }
    }

    pub fn forest(&self) -> Forest<'_> {
        Forest::new(self.segments.iter().map(|segment| ForestTrie {
            trie: &segment.trie,
            present: Some(&segment.present),
            live: Some(&segment.live),
        }))
    }

    /// Live documents with their docids.
    pub fn live_documents(&self) -> impl Iterator<Item = (Document, &BTreeSet<Docid>)> {
        (0u32..).zip(&self.segments).flat_map(|(number, segment)| {
            (0u32..)
                .zip(&segment.documents)
                .filter(|(_, document)| document.is_live())
                .map(move |(ordinal, document)| ((number, ordinal), &document.docids))
        })
    }

    pub fn live_docids(&self) -> BTreeSet<Docid> {
        self.live_documents()
            .flat_map(|(_, docids)| docids.clone())
            .collect()
    }

    /// What comes out when docids are drawn in this order: documents, those of one docid together.
    pub fn documents_by_draw(&self, order: &[Docid]) -> Vec<BTreeSet<Document>> {
        let mut seen = BTreeSet::new();
        let mut groups = Vec::new();
        for docid in order {
            let group: BTreeSet<Document> = self
                .live_documents()
                .filter(|(_, docids)| docids.contains(docid))
                .map(|(place, _)| place)
                .filter(|place| !seen.contains(place))
                .collect();
            seen.extend(group.iter().copied());
            if !group.is_empty() {
                groups.push(group);
            }
        }
        groups
    }
}

impl Postings for Corpus {
    fn passages(&self, DocidPlace { segment, rank }: DocidPlace, ordinals: &mut Vec<u32>) {
        let segment = &self.segments[segment as usize];
        let docid = &segment.docids[rank as usize];
        ordinals.extend(
            (0u32..)
                .zip(&segment.documents)
                .filter_map(|(ordinal, document)| {
                    (document.is_live() && document.docids.contains(docid)).then_some(ordinal)
                }),
        );
    }

    fn docids(
        &self,
        PassagePlace {
            segment,
            passage: ordinal,
        }: PassagePlace,
        ranks: &mut Vec<u32>,
    ) {
        let segment = &self.segments[segment as usize];
        let own = &segment.documents[ordinal as usize].docids;
        ranks.extend(
            (0u32..)
                .zip(&segment.docids)
                .filter_map(|(rank, docid)| own.contains(docid).then_some(rank)),
        );
    }

    fn max_docids_per_passage(&self) -> usize {
        let documents = self.segments.iter().flat_map(|segment| &segment.documents);
        documents
            .map(|document| document.docids.len())
            .max()
            .unwrap_or(1)
    }
}

/// A retriever that is a table of logits.
pub struct TableExpander<'a> {
    corpus: &'a Corpus,
    logits: &'a Logits<'a>,
    pub batch: usize,
    /// Prefixes in the order in which they were asked for.
    pub asked: Vec<Docid>,
    pub prefills: usize,
    /// Called before each pass with its number.
    pub before_pass: Box<dyn FnMut(usize) + 'a>,
    pub passes: usize,
}

impl<'a> TableExpander<'a> {
    pub fn new(corpus: &'a Corpus, logits: &'a Logits<'a>) -> Self {
        TableExpander {
            corpus,
            logits,
            batch: 1,
            asked: Vec::new(),
            prefills: 0,
            before_pass: Box::new(|_| {}),
            passes: 0,
        }
    }
}

impl Expander for TableExpander<'_> {
    fn prefill(&mut self) -> Result<()> {
        self.prefills += 1;
        Ok(())
    }

    fn batch(&self) -> usize {
        self.batch
    }

    fn expand(&mut self, nodes: &[Branching<'_>], logits: &mut Vec<f32>) -> Result<()> {
        assert_eq!(self.prefills, 1, "the query is read once, before all else");
        (self.before_pass)(self.passes);
        self.passes += 1;
        for branching in nodes {
            assert!(
                branching.children.len() > 1,
                "forced steps must not be evaluated"
            );
            let part = &branching.node.parts[0];
            let docid = &self.corpus.segments[part.segment as usize].docids[part.node.lo as usize];
            let prefix = &docid[..part.node.depth as usize];
            let children = branching.children.iter();
            logits.extend(children.map(|child| (self.logits)(prefix, child.token)));
            assert!(!self.asked.contains(&prefix.to_vec()), "asked twice");
            self.asked.push(prefix.to_vec());
        }
        Ok(())
    }
}

/// Runs a decoder over a fresh memo.
pub fn run(corpus: &Corpus, logits: &Logits, decoder: &Decoder, k: usize) -> Decoded {
    try_run(corpus, logits, decoder, k).unwrap()
}

/// Runs a decoder over a fresh memo, on logits that it may refuse.
pub fn try_run(corpus: &Corpus, logits: &Logits, decoder: &Decoder, k: usize) -> Result<Decoded> {
    let forest = corpus.forest();
    let mut expander = TableExpander::new(corpus, logits);
    let mut memo = Memo::new(&forest, &mut expander);
    decoder.decode(&mut memo, &request(corpus, k))
}

pub fn request(corpus: &Corpus, k: usize) -> Request<'_> {
    Request {
        k,
        postings: corpus,
        planner: None,
    }
}

/// A document drawn, as the corpus names it.
pub fn place(drawn: &Drawn) -> Document {
    (drawn.place.segment, drawn.place.passage)
}

/// Documents with equal scores form a group; groups in the order of the result.
pub fn groups(drawn: &[Drawn]) -> Vec<BTreeSet<Document>> {
    assert!(drawn.is_sorted_by(|a, b| a.score >= b.score));
    let chunks = drawn.chunk_by(|a, b| a.score == b.score);
    chunks
        .map(|chunk| chunk.iter().map(place).collect())
        .collect()
}

/// The tokens that may follow `prefix`, [`END`] first.
pub fn next_tokens<'a>(docids: impl IntoIterator<Item = &'a Docid>, prefix: &[u32]) -> Vec<u32> {
    let below = docids.into_iter().filter(|docid| docid.starts_with(prefix));
    let next: BTreeSet<u32> = below
        .map(|docid| docid.get(prefix.len()).map_or(0, |token| token + 1))
        .collect();
    next.into_iter()
        .map(|token| if token == 0 { END } else { token - 1 })
        .collect()
}

/// Softmax at a temperature; temperature zero is the first maximum.
pub fn softmax(logits: &[f32], temperature: f64) -> Vec<f64> {
    let clean: Vec<f64> = logits.iter().copied().map(f64::from).collect();
    let max = clean.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let first = clean.iter().position(|&l| l == max).unwrap();
    let weight = |(index, &logit): (usize, &f64)| {
        if temperature == 0.0 {
            f64::from(u8::from(index == first))
        } else {
            ((logit - max) / temperature).exp()
        }
    };
    let weights: Vec<f64> = clean.iter().enumerate().map(weight).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

/// The probability of each docid when the walk may end at any of `allowed`.
pub fn law_of_one_draw(
    allowed: &BTreeSet<Docid>,
    logits: &Logits,
    temperature: f64,
) -> BTreeMap<Docid, f64> {
    let mut law = BTreeMap::new();
    let mut todo = vec![(Vec::new(), 1.0)];
    while let Some((prefix, mass)) = todo.pop() {
        let tokens = next_tokens(allowed, &prefix);
        let scores: Vec<f32> = tokens.iter().map(|&token| logits(&prefix, token)).collect();
        for (token, share) in tokens.into_iter().zip(softmax(&scores, temperature)) {
            if token == END {
                law.insert(prefix.clone(), mass * share);
            } else {
                todo.push(([prefix.as_slice(), &[token]].concat(), mass * share));
            }
        }
    }
    law
}

/// The distribution over sequences of draws when `next` gives the law of the next docid.
pub fn law_of_sequences(
    draws: usize,
    next: &dyn Fn(&[Docid]) -> BTreeMap<Docid, f64>,
) -> HashMap<Vec<Docid>, f64> {
    let mut law = HashMap::from([(Vec::new(), 1.0)]);
    for _ in 0..draws {
        let mut longer = HashMap::new();
        for (drawn, mass) in law {
            let options = next(&drawn);
            if options.is_empty() {
                *longer.entry(drawn).or_insert(0.0) += mass;
                continue;
            }
            for (docid, share) in options.into_iter().filter(|(_, share)| *share > 0.0) {
                let drawn: Vec<Docid> = drawn.iter().cloned().chain([docid]).collect();
                *longer.entry(drawn).or_insert(0.0) += mass * share;
            }
        }
        law = longer;
    }
    law
}

/// p-value of Pearson's test that `observed` counts come from `expected` probabilities. Outcomes
/// that are expected fewer than five times are taken together.
pub fn chi_square_p<K: std::hash::Hash + Eq + std::fmt::Debug>(
    observed: &HashMap<K, u64>,
    expected: &HashMap<K, f64>,
) -> f64 {
    let runs: u64 = observed.values().sum();
    let total: f64 = expected.values().sum();
    assert!((total - 1.0).abs() < 1e-9, "the law sums to {total}");
    if observed
        .keys()
        .any(|outcome| !expected.contains_key(outcome))
    {
        return 0.0;
    }
    let (mut statistic, mut cells) = (0.0, 0usize);
    let mut rare = (0.0, 0.0);
    let mut add = |expected: f64, observed: f64| {
        statistic += (observed - expected).powi(2) / expected;
        cells += 1;
    };
    for (outcome, probability) in expected {
        let expected = probability * runs as f64;
        let observed = observed.get(outcome).copied().unwrap_or(0) as f64;
        if expected < 5.0 {
            rare = (rare.0 + expected, rare.1 + observed);
        } else {
            add(expected, observed);
        }
    }
    if rare.0 >= 5.0 {
        add(rare.0, rare.1);
    }
    assert!(cells > 1, "nothing to test");
    upper_gamma((cells - 1) as f64 / 2.0, statistic / 2.0)
}

/// The regularised upper incomplete gamma function Q(a, x): the tail of chi-square with 2a
/// degrees of freedom at 2x. Series below a + 1, Lentz's continued fraction above.
pub fn upper_gamma(a: f64, x: f64) -> f64 {
    let scale = (-x + a * x.ln() - ln_gamma(a)).exp();
    if x <= 0.0 {
        return 1.0;
    }
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > sum * 1e-16 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return 1.0 - sum * scale;
    }
    let tiny = 1e-300;
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / tiny, 1.0 / b);
    let mut h = d;
    for i in 1..10_000 {
        let i = f64::from(i);
        let an = -i * (i - a);
        b += 2.0;
        d = 1.0 / (an * d + b);
        c = b + an / c;
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-14 {
            break;
        }
    }
    h * scale
}

/// ln Gamma for arguments at half integers, by its recurrence.
fn ln_gamma(a: f64) -> f64 {
    let (mut at, mut value) = match a.fract() == 0.0 {
        true => (1.0, 0.0),
        false => (0.5, std::f64::consts::PI.sqrt().ln()),
    };
    while at < a {
        value += f64::ln(at);
        at += 1.0;
    }
    value
}

/// Every way to walk a trie.
pub fn all_decoders(seed: u64) -> [Decoder; 5] {
    [
        Decoder::BestFirst,
        Decoder::ReverseAnnealed(ReverseAnnealed {
            seed,
            ..ReverseAnnealed::default()
        }),
        Decoder::ReverseAnnealed(ReverseAnnealed {
            seed,
            top_k: Some(2),
            top_p: Some(0.9),
            ..ReverseAnnealed::default()
        }),
        Decoder::GumbelTopK(GumbelTopK {
            seed,
            temperature: 1.3,
        }),
        Decoder::Beam(Beam { width: 200 }),
    ]
}

/// The paper's law word for word, nothing shared and nothing remembered.
pub fn literal(docids: &BTreeSet<Docid>, logits: &Logits, options: &ReverseAnnealed) -> Vec<Docid> {
    let mut left = docids.clone();
    let mut order = Vec::new();
    for draw in 0..options.draws {
        if left.is_empty() {
            break;
        }
        let mut prefix: Docid = Vec::new();
        loop {
            let tokens = next_tokens(&left, &prefix);
            let scores: Vec<f32> = tokens.iter().map(|&token| logits(&prefix, token)).collect();
            let mut shares = softmax(&scores, options.temperature(draw));
            if options.temperature(draw) > 0.0 {
                keep_top(
                    &mut shares,
                    options.top_k.unwrap_or(usize::MAX),
                    options.top_p.unwrap_or(1.0),
                );
            }
            let uniform = draw_uniform(options.seed, draw as u64, prefix.len() as u32);
            let token = tokens[inverse_cdf(&shares, uniform)];
            if token == END {
                break;
            }
            prefix.push(token);
        }
        left.remove(&prefix);
        order.push(prefix);
    }
    order
}

/// Top-k with ties, then top-p; shares are distinct or equal, never unordered.
fn keep_top(shares: &mut [f64], top_k: usize, top_p: f64) {
    let at_least_as_likely = |shares: &[f64], one: f64| shares.iter().filter(|&&s| s > one).count();
    let before: Vec<f64> = shares.to_vec();
    for share in shares.iter_mut() {
        if at_least_as_likely(&before, *share) >= top_k {
            *share = 0.0;
        }
    }
    let sum: f64 = shares.iter().sum();
    let kept: Vec<f64> = shares.iter().map(|share| share / sum).collect();
    for (index, share) in shares.iter_mut().enumerate() {
        let goes_before =
            |(other, &s): (usize, &f64)| s > kept[index] || s == kept[index] && other < index;
        let mass: f64 = kept
            .iter()
            .enumerate()
            .filter(|&one| goes_before(one))
            .map(|(_, s)| s)
            .sum();
        if mass >= top_p {
            *share = 0.0;
        }
    }
    let sum: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= sum);
}

fn inverse_cdf(shares: &[f64], uniform: f64) -> usize {
    let mut cumulative = 0.0;
    for (index, share) in shares.iter().enumerate() {
        cumulative += share;
        if uniform < cumulative {
            return index;
        }
    }
    shares.iter().rposition(|&share| share > 0.0).unwrap()
}
