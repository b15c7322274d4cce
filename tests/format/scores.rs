//! Scores computed from the contents of a file alone, as the specification words them, are those
//! of a search.

use std::collections::{BTreeMap, BTreeSet};

use crate::contents::{contents, open, searches};
use crate::indexes::GOLDENS;
use crate::support::encoder::HashingEncoder;
use crate::support::repository::repository;
use serde_json::Value;
use zerogr::raw::lexicon::Analyser;

type Vector = Vec<f64>;
/// A docid's tokens.
type Docid = Vec<u32>;

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(repository("tests/golden").join(format!("{name}.zgr"))).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn vector(value: &Value) -> Vector {
    list(value).iter().map(number).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn add(sum: &mut Vector, factor: f64, row: &[f64]) {
    sum.resize(row.len(), 0.0);
    sum.iter_mut()
        .zip(row)
        .for_each(|(sum, value)| *sum += factor * value);
}

/// One segment of the contents.
struct Segment {
    /// With the passages that carry them.
    docids: Vec<(Docid, Vec<usize>)>,
    passage_docids: BTreeMap<usize, Vec<Docid>>,
    /// By passage.
    live: Vec<bool>,
    vectors: Vec<Vector>,
    head: Vec<Value>,
}

impl Segment {
    fn all(index: &Value) -> Vec<Segment> {
        let of = |segment: usize, kind: &str| -> Vec<Value> {
            let items = list(&index[kind]).iter();
            items
                .filter(|item| item["segment"] == segment)
                .cloned()
                .collect()
        };
        let segments = 0..list(&index["segments"]).len();
        segments
            .map(|number| {
                let docids: Vec<(Docid, Vec<usize>)> = of(number, "docids")
                    .iter()
                    .map(|docid| {
                        (
                            serde_json::from_value(docid["tokens"].clone()).unwrap(),
                            serde_json::from_value(docid["passages"].clone()).unwrap(),
                        )
                    })
                    .collect();
                let mut passage_docids = BTreeMap::<usize, Vec<Docid>>::new();
                for (docid, passages) in &docids {
                    for passage in passages {
                        passage_docids
                            .entry(*passage)
                            .or_default()
                            .push(docid.clone());
                    }
                }
                let vectors = &index["vectors"][number];
                Segment {
                    docids,
                    passage_docids,
                    live: {
                        let documents = of(number, "documents");
                        let is_live = |passage: &Value| {
                            documents[passage["document"].as_u64().unwrap() as usize]["live"]
                                == true
                        };
                        of(number, "passages").iter().map(is_live).collect()
                    },
                    vectors: list(&vectors["passages"]).iter().map(vector).collect(),
                    head: list(&vectors["trie_head"]).to_vec(),
                }
            })
            .collect()
    }

    fn live_docids(&self) -> impl Iterator<Item = &Docid> {
        let is_live = |passages: &[usize]| passages.iter().any(|&passage| self.live[passage]);
        let live = self
            .docids
            .iter()
            .filter(move |(_, passages)| is_live(passages));
        live.map(|(docid, _)| docid)
    }

    /// The edge from `prefix` by `step`; `None` when the segment has no live docid below it.
    fn edge(&self, prefix: &[u32], step: Option<u32>) -> Option<Edge> {
        let below =
            |docid: &[u32]| docid.starts_with(prefix) && docid.get(prefix.len()).copied() == step;
        if !self.live_docids().any(|docid| below(docid)) {
            return None;
        }
        self.stored_edge(prefix, step).or_else(|| {
            let mut sum = Vector::new();
            for (_, passages) in self.docids.iter().filter(|(docid, _)| below(docid)) {
                for &passage in passages {
                    add(&mut sum, 1.0, &self.vectors[passage]);
                }
            }
            Some(Edge {
                norm: dot(&sum, &sum).sqrt(),
                sum,
                bias: 0.0,
                unit: None,
            })
        })
    }

    fn stored_edge(&self, prefix: &[u32], step: Option<u32>) -> Option<Edge> {
        let first = self
            .docids
            .iter()
            .position(|(docid, _)| docid.starts_with(prefix))?;
        let node = self
            .head
            .iter()
            .find(|node| node["depth"] == prefix.len() && node["first_rank"] == first)?;
        let edge = list(&node["children"])
            .iter()
            .find(|edge| edge["token"].as_u64() == step.map(u64::from))?;
        let (unit, norm) = (vector(&edge["vector"]), number(&edge["norm"]));
        let mut sum = Vector::new();
        add(&mut sum, norm, &unit);
        Some(Edge {
            sum,
            norm,
            bias: number(&edge["bias"]),
            unit: Some(unit),
        })
    }
}

/// What stands for the passages below an edge.
struct Edge {
    sum: Vector,
    norm: f64,
    bias: f64,
    /// The direction as it is stored.
    unit: Option<Vector>,
}

/// The logit of an edge that some segments have.
fn logit(edges: &[Edge], query: &[f64], scale: f64) -> f64 {
    if let [
        Edge {
            unit: Some(unit),
            bias,
            ..
        },
    ] = edges
    {
        return scale * dot(query, unit) + bias;
    }
    let (mut sum, mut bias, mut norms) = (Vector::new(), 0.0, 0.0);
    for edge in edges {
        add(&mut sum, 1.0, &edge.sum);
        bias += edge.norm * edge.bias;
        norms += edge.norm;
    }
    scale * dot(query, &sum) / dot(&sum, &sum).sqrt() + bias / norms
}

/// The log-probability of a docid.
fn log_prob(segments: &[Segment], docid: &[u32], query: &[f64], scale: f64) -> f64 {
    let live: BTreeSet<&Docid> = segments.iter().flat_map(Segment::live_docids).collect();
    let mut total = 0.0;
    for depth in 0..=docid.len() {
        let prefix = &docid[..depth];
        let steps: BTreeSet<Option<u32>> = live
            .iter()
            .filter(|docid| docid.starts_with(prefix))
            .map(|docid| docid.get(depth).copied())
            .collect();
        if steps.len() == 1 {
            continue;
        }
        let logit = |step: Option<u32>| {
            let edges: Vec<Edge> = segments
                .iter()
                .filter_map(|segment| segment.edge(prefix, step))
                .collect();
            logit(&edges, query, scale)
        };
        let all: f64 = steps.iter().map(|&step| logit(step).exp()).sum();
        total += logit(docid.get(depth).copied()) - all.ln();
    }
    total
}

/// The weighted mean, over the words of the query, of the best product with a token vector of a
/// passage.
fn max_sim(encoder: HashingEncoder, query: &str, passage: &Value) -> f64 {
    let factors = vector(&passage["factors"]);
    let signs = passage["signs"].as_str().unwrap().as_bytes();
    let bytes_per_vector = encoder.dim.div_ceil(8);
    let bytes: Vec<u8> = signs
        .chunks(2)
        .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap())
        .collect();
    let (tokens, vectors) = encoder.token_vectors(query, usize::MAX);
    let best = |token: &[f32]| {
        let length = token.iter().map(|value| value * value).sum::<f32>().sqrt();
        let products = factors.iter().zip(bytes.chunks(bytes_per_vector));
        let product = |(factor, signs): (&f64, &[u8])| -> f64 {
            let signed = token.iter().enumerate().map(|(at, &value)| {
                let is_positive = signs[at / 8] >> (at % 8) & 1 == 1;
                f64::from(if is_positive { value } else { -value } / length)
            });
            factor * signed.sum::<f64>()
        };
        products.map(product).fold(f64::NEG_INFINITY, f64::max)
    };
    let weights = encoder.token_weights(&tokens);
    let weighed = vectors.chunks(encoder.dim).zip(&weights);
    let sum: f64 = weighed
        .map(|(token, &weight)| f64::from(weight) * best(token))
        .sum();
    sum / weights.iter().map(|&weight| f64::from(weight)).sum::<f64>()
}

/// A live passage, and what a search should say of it.
struct Expected<'a> {
    id: &'a str,
    place: &'a Value,
    log_prob: f64,
    score: f64,
}

/// The live documents of the contents with their segments and ordinals.
fn live_documents(index: &Value) -> impl Iterator<Item = (&str, &Value, &Value)> {
    let documents = list(&index["documents"]).iter();
    let live = documents.filter(|one| one["live"] == true);
    live.map(|one| {
        (
            one["id"].as_str().unwrap(),
            &one["segment"],
            &one["ordinal"],
        )
    })
}

/// The share of tokens in reranking: documents that are cut are told apart by them.
fn token_share(index: &Value, segments: &[Segment]) -> f64 {
    let passages = segments.iter().flat_map(|one| &one.live);
    let passages = passages.filter(|&&is_live| is_live).count();
    let per_document = passages as f64 / live_documents(index).count().max(1) as f64;
    1.0 - (1.0 - number(&index["params"]["search"]["token_share"])) / per_document.cbrt()
}

#[test]
fn scores_follow_from_the_contents() {
    // ZF-SC-01, ZF-SC-02, ZF-SC-03, ZF-SC-04, ZF-SC-07, ZF-SG-13, ZF-TS-03, ZF-HD-01
    for golden_index in &GOLDENS {
        let name = golden_index.name;
        let bytes = golden(name);
        let index = contents(&bytes);
        let segments = Segment::all(&index);
        let scale = number(&index["params"]["scale"]);
        let share = token_share(&index, &segments);
        for search in list(&searches(
            &bytes,
            golden_index.encoder,
            golden_index.queries,
        )) {
            let query = vector(&search["vector"]);
            let words = search["query"].as_str().unwrap();
            let score_of = |log_prob: f64, vectors: &Value, passage: usize| {
                if search["rerank"] != true {
                    return log_prob;
                }
                let product = dot(&query, &vector(&vectors["document_head"][passage]));
                let tokens = &vectors["tokens"][passage];
                match tokens.is_null() {
                    true => product,
                    false => {
                        let similarity = max_sim(golden_index.encoder, words, tokens);
                        (1.0 - share) * product + share * similarity
                    }
                }
            };
            let mut expected = Vec::new();
            for (id, number, ordinal) in live_documents(&index) {
                let segment = number.as_u64().unwrap() as usize;
                let passages = list(&index["passages"]).iter();
                let own =
                    passages.filter(|one| one["segment"] == *number && one["document"] == *ordinal);
                for one in own {
                    let passage = one["passage"].as_u64().unwrap() as usize;
                    // All docids of a document with hundreds are not worth the time.
                    let docids = &segments[segment].passage_docids[&passage];
                    if docids.len() > 50 {
                        continue;
                    }
                    let probability =
                        |docid: &Docid| log_prob(&segments, docid, &query, scale).exp();
                    let log_prob = docids.iter().map(probability).sum::<f64>().ln();
                    expected.push(Expected {
                        id,
                        place: &one["bytes"],
                        log_prob,
                        score: score_of(log_prob, &index["vectors"][segment], passage),
                    });
                }
            }
            expected.sort_by(|a, b| b.score.total_cmp(&a.score));
            let close = |a: f64, b: f64| (a - b).abs() < 1e-4;
            let hits = list(&search["hits"]);
            for hit in hits {
                let own: Vec<_> = expected.iter().filter(|one| hit["id"] == one.id).collect();
                let Some(best) = own.first() else {
                    assert_eq!(name, "fanout");
                    continue;
                };
                assert!(
                    close(number(&hit["log_prob"]), best.log_prob),
                    "{name}: {hit} {}",
                    best.log_prob
                );
                assert!(
                    close(number(&hit["score"]), best.score),
                    "{name}: {hit} {}",
                    best.score
                );
                // Where documents are cut, every passage of a hit is one of the first.
                let places = list(&hit["passages"]);
                let are_cut = !best.place.is_null();
                assert_eq!(places.len(), if are_cut { own.len().min(3) } else { 0 });
                for (place, one) in places.iter().zip(&own) {
                    assert!(close(number(&place["score"]), one.score), "{name}: {hit}");
                    let at_place = own.iter().find(|other| place["bytes"] == *other.place);
                    assert!(close(at_place.unwrap().score, one.score), "{name}: {hit}");
                }
            }
            let score = |hit: &Value| number(&hit["score"]);
            assert!(hits.is_sorted_by(|a, b| score(a) >= score(b)));
            assert_eq!(hits.len(), live_documents(&index).count().min(5));
        }
    }
}

/// BM25 of all live documents that have a term of `query`, by their contents alone.
fn bm25(index: &Value, query: &str) -> BTreeMap<String, f64> {
    let lexicon = &index["params"]["lexicon"];
    let (k1, b) = (number(&lexicon["k1"]), number(&lexicon["b"]));
    let analyser = Analyser::default();
    let terms = match analyser.terms(query) {
        none if none.is_empty() => analyser.minor_terms(query),
        terms => terms,
    };
    let texts = live_documents(index).map(|(id, segment, ordinal)| {
        let passages = list(&index["passages"]).iter();
        let own = passages.filter(|one| one["segment"] == *segment && one["document"] == *ordinal);
        let own = own.map(|one| one["passage"].as_u64().unwrap()).collect();
        let lexicon = &index["lexicons"][segment.as_u64().unwrap() as usize];
        (id.to_owned(), counted(lexicon, &own, &terms))
    });
    let mut scores = weighed(texts.collect(), k1, b);
    let Some(expansions) = index.get("expansions").map(list) else {
        return scores;
    };
    // ZF-PQ-04: the rows are documents, and segments without queries have none.
    let queries = live_documents(index).map(|(id, segment, ordinal)| {
        let own = expansions.iter().find(|one| one["segment"] == *segment);
        let row = BTreeSet::from([ordinal.as_u64().unwrap()]);
        let counted = own.map(|own| counted(own, &row, &terms));
        let none = || (0.0, vec![0.0; terms.len()]);
        (id.to_owned(), counted.unwrap_or_else(none))
    });
    for (id, score) in weighed(queries.collect(), k1, b) {
        *scores.entry(id).or_default() += number(&lexicon["expansion_weight"]) * score;
    }
    scores
}

/// How long some rows of a lexicon are, and how often they have each of `terms`.
fn counted(lexicon: &Value, rows: &BTreeSet<u64>, terms: &[String]) -> (f64, Vec<f64>) {
    let length = |&row: &u64| number(&lexicon["lengths"][row as usize]);
    let counts = terms.iter().map(|term| {
        let postings = lexicon["terms"].get(term.as_str()).map_or(&[][..], list);
        let own = postings
            .iter()
            .filter(|one| rows.contains(&one[0].as_u64().unwrap()));
        own.map(|one| number(&one[1])).sum()
    });
    (rows.iter().map(length).sum(), counts.collect())
}

/// BM25 of all documents that have a term, by their lengths and how often they have each.
fn weighed(documents: BTreeMap<String, (f64, Vec<f64>)>, k1: f64, b: f64) -> BTreeMap<String, f64> {
    let count = documents.len() as f64;
    let mean = documents.values().map(|(length, _)| length).sum::<f64>() / count;
    // Where no word counts, 0 / 0 is 0.
    let mean = mean.max(f64::MIN_POSITIVE);
    let weight = |term: usize| {
        let with = documents.values().filter(|(_, counts)| counts[term] > 0.0);
        let with = with.count() as f64;
        (1.0 + (count - with + 0.5) / (with + 0.5)).ln()
    };
    let score = |(id, (length, counts)): (&String, &(f64, Vec<f64>))| {
        let parts = counts
            .iter()
            .enumerate()
            .filter(|(_, tf)| **tf > 0.0)
            .map(|(term, tf)| weight(term) * tf / (tf + k1 * (1.0 - b + b * length / mean)));
        (id.clone(), parts.sum())
    };
    let scores = documents.iter().map(score);
    scores.filter(|(_, score)| *score > 0.0).collect()
}

#[test]
fn words_weigh_as_the_contents_have_them() {
    // ZF-SC-05, ZF-SG-12, ZF-PQ-04
    let mut found = 0;
    for golden_index in &GOLDENS {
        let bytes = golden(golden_index.name);
        let index = contents(&bytes);
        let opened = open(&bytes, golden_index.encoder).unwrap();
        for query in golden_index.queries {
            let expected = bm25(&index, query);
            let scores = opened.snapshot().lexical(query, usize::MAX).unwrap();
            assert_eq!(scores.len(), expected.len(), "{query}");
            for (id, score) in scores {
                let close = (score - expected[&id]).abs() < 1e-9;
                assert!(close, "{query}: {id}: {score}, not {}", expected[&id]);
                found += 1;
            }
        }
    }
    assert!(found > 10);
}

#[test]
fn the_sums_of_an_untrained_segment_are_those_of_its_documents() {
    // ZF-HD-04
    for name in ["untrained", "collisions", "wide", "long"] {
        let index = contents(&golden(name));
        for (segment, mut unlisted) in Segment::all(&index).into_iter().zip(Segment::all(&index)) {
            assert!(!segment.head.is_empty());
            unlisted.head.clear();
            for node in &segment.head {
                let (depth, first) = (
                    number(&node["depth"]) as usize,
                    number(&node["first_rank"]) as usize,
                );
                let prefix = &segment.docids[first].0[..depth];
                for edge in list(&node["children"]) {
                    let step = edge["token"].as_u64().map(|token| token as u32);
                    let stored = segment.stored_edge(prefix, step).unwrap();
                    let summed = unlisted.edge(prefix, step).unwrap();
                    assert_eq!(stored.bias, 0.0);
                    let pairs = stored.sum.iter().zip(&summed.sum);
                    let difference = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                    assert!(difference < 1e-2, "{name}: {difference}");
                }
            }
        }
    }
}
