//! Scores computed from the contents of a file alone, as the specification words them, are those
//! of a search.

use std::collections::{BTreeMap, BTreeSet};

use crate::contents::{contents, searches};
use crate::indexes::GOLDENS;
use crate::support::encoder::HashingEncoder;
use crate::support::repository::repository;
use serde_json::Value;

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
    docids: Vec<(Docid, Vec<usize>)>,
    passage_docids: BTreeMap<usize, Vec<Docid>>,
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
                            serde_json::from_value(docid["documents"].clone()).unwrap(),
                        )
                    })
                    .collect();
                let mut passage_docids = BTreeMap::<usize, Vec<Docid>>::new();
                for (docid, documents) in &docids {
                    for document in documents {
                        passage_docids
                            .entry(*document)
                            .or_default()
                            .push(docid.clone());
                    }
                }
                let vectors = &index["vectors"][number];
                Segment {
                    docids,
                    passage_docids,
                    live: of(number, "documents")
                        .iter()
                        .map(|one| one["live"] == true)
                        .collect(),
                    vectors: list(&vectors["documents"]).iter().map(vector).collect(),
                    head: list(&vectors["trie_head"]).to_vec(),
                }
            })
            .collect()
    }

    fn live_docids(&self) -> impl Iterator<Item = &Docid> {
        let is_live = |documents: &[usize]| documents.iter().any(|&document| self.live[document]);
        let live = self
            .docids
            .iter()
            .filter(move |(_, documents)| is_live(documents));
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
            for (_, documents) in self.docids.iter().filter(|(docid, _)| below(docid)) {
                for &document in documents {
                    add(&mut sum, 1.0, &self.vectors[document]);
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

/// What stands for the documents below an edge.
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
/// document.
fn max_sim(encoder: HashingEncoder, query: &str, document: &Value) -> f64 {
    let factors = vector(&document["factors"]);
    let signs = document["signs"].as_str().unwrap().as_bytes();
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

#[test]
fn scores_follow_from_the_contents() {
    // ZF-SC-01, ZF-SC-02, ZF-SC-03, ZF-SC-04, ZF-SC-07, ZF-SG-13, ZF-TS-03, ZF-HD-01
    for golden_index in &GOLDENS {
        let bytes = golden(golden_index.name);
        let index = contents(&bytes);
        let segments = Segment::all(&index);
        let scale = number(&index["params"]["scale"]);
        for search in list(&searches(
            &bytes,
            golden_index.encoder,
            golden_index.queries,
        )) {
            let query = vector(&search["vector"]);
            let mut expected = Vec::new();
            for document in list(&index["documents"])
                .iter()
                .filter(|one| one["live"] == true)
            {
                let place = |key: &str| document[key].as_u64().unwrap() as usize;
                let (segment, ordinal) = (place("segment"), place("ordinal"));
                // All docids of a document with hundreds are not worth the time.
                let docids = &segments[segment].passage_docids[&ordinal];
                if docids.len() > 50 {
                    continue;
                }
                let sum: f64 = docids
                    .iter()
                    .map(|docid| log_prob(&segments, docid, &query, scale).exp())
                    .sum();
                let row = vector(&index["vectors"][segment]["document_head"][ordinal]);
                let id = document["id"].as_str().unwrap();
                expected.push((id, segment, ordinal, sum.ln(), dot(&query, &row)));
            }
            let hits = list(&search["hits"]);
            for hit in hits {
                let found = expected.iter().find(|(id, ..)| hit["id"] == *id);
                let Some((id, segment, ordinal, log_prob, product)) = found else {
                    assert_eq!(golden_index.name, "fanout");
                    continue;
                };
                let name = golden_index.name;
                let close = |a: f64, b: f64| (a - b).abs() < 1e-4;
                assert!(
                    close(number(&hit["log_prob"]), *log_prob),
                    "{name} {id}: {hit} {log_prob}"
                );
                let tokens = &index["vectors"][*segment]["tokens"][*ordinal];
                let score = match search["rerank"] == true {
                    true if tokens.is_null() => *product,
                    true => {
                        let share = number(&index["params"]["search"]["token_share"]);
                        let query = search["query"].as_str().unwrap();
                        let similarity = max_sim(golden_index.encoder, query, tokens);
                        (1.0 - share) * product + share * similarity
                    }
                    false => *log_prob,
                };
                assert!(
                    close(number(&hit["score"]), score),
                    "{name} {id}: {hit} {score}"
                );
            }
            let score = |hit: &Value| number(&hit["score"]);
            assert!(hits.is_sorted_by(|a, b| score(a) >= score(b)));
            let live = list(&index["documents"])
                .iter()
                .filter(|one| one["live"] == true);
            assert_eq!(hits.len(), live.count().min(5));
        }
    }
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
