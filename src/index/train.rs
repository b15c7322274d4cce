//! Fitting the heads of all segments to pseudo-queries of their documents.
//!
//! Every document asks its own pseudo-queries; one of them is held out for a share of the
//! documents, and fitting stops when the held-out loss no longer falls. Trie head and document
//! head see the same examples.

use super::params::{FitRecord, IndexParams, TrainingRecord};
use super::progress::{Progress, ProgressFn, Stage};
use super::query_table::QueryTable;
use super::segment::Segment;
use super::segment_builder::head_sections;
use super::view::View;
use crate::Result;
use crate::encode::TextEncoder;
use crate::format::SectionInput;
use crate::generate::{PseudoQueryOptions, TermStats, pseudo_queries};
use crate::rng::Rng;
use crate::train::{Example, FitOptions, FitReport, SoftmaxTree, Step, TrieTree, fit};
use crate::vectors::{add_scaled, normalise, to_f16_bytes};

/// How to train. The defaults are the measured recipe; the seed is the only thing most set.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TrainOptions {
    /// Seed of pseudo-queries, order of examples and dropout.
    pub seed: u64,
    /// How often each pseudo-query is seen.
    pub epochs: usize,
    /// Examples after which fitting a head ends in any case.
    pub max_examples: usize,
    /// Adam's largest step size for the trie head.
    pub learning_rate: f32,
    /// Adam's largest step size for the document head.
    pub document_learning_rate: f32,
    /// Share of query components zeroed in training.
    pub dropout: f32,
    /// Share of the fitted vector in a document's head; the rest is its passage vector.
    pub document_head_share: f32,
}

impl Default for TrainOptions {
    fn default() -> Self {
        TrainOptions {
            seed: 0,
            epochs: 3,
            max_examples: 200_000,
            learning_rate: 1e-3,
            document_learning_rate: 1e-3,
            dropout: 0.1,
            document_head_share: 0.65,
        }
    }
}

impl TrainOptions {
    /// Sets the seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// The fitted heads of each segment, and the record for the manifest.
pub(crate) struct Trained {
    pub(crate) heads: Vec<Vec<SectionInput<'static>>>,
    pub(crate) record: TrainingRecord,
}

/// A live document: where it is stored.
#[derive(Debug, Clone, Copy)]
struct Place {
    segment: u32,
    ordinal: u32,
}

/// Largest number of held-out pseudo-queries, and the share of documents that give one.
const MAX_HELD_OUT: usize = 1_000;
const HELD_OUT_SHARE: f32 = 0.2;
const BATCH_EXAMPLES: usize = 256;

/// What there is to learn from.
pub(crate) struct TrainingCorpus<'a> {
    pub(crate) segments: &'a [Segment],
    /// Pseudo-queries that a language model wrote, per segment.
    pub(crate) queries: &'a [Option<QueryTable>],
    pub(crate) stats: &'a TermStats,
}

pub(crate) fn train_heads(
    corpus: &TrainingCorpus<'_>,
    encoder: &dyn TextEncoder,
    params: &IndexParams,
    options: &TrainOptions,
    progress: ProgressFn<'_>,
) -> Result<Trained> {
    let segments = corpus.segments;
    let Asked {
        places,
        queries,
        owners,
        written,
    } = ask(corpus, params, options, progress)?;
    let texts: Vec<&str> = queries.iter().map(String::as_str).collect();
    let vectors = encoder.encode(
        &texts,
        params.encoder.max_query_tokens,
        &mut |done, total| {
            progress(Progress::new(Stage::EncodingPseudoQueries, done, total));
        },
    )?;
    let (training, held_out) = split(&owners, places.len(), options.seed);

    let dim = params.encoder.dim;
    let view = View::all(segments);
    let (forest, edges) = (view.forest(), view.edges());
    let mut trie = TrieTree::new(&forest, &edges, dim, params.scale)?;
    let paths: Vec<Vec<Vec<Step>>> = places
        .iter()
        .map(|place| {
            let ranks = segments[place.segment as usize]
                .document_docids
                .row(place.ordinal);
            ranks
                .map(|rank| trie.path(place.segment, rank).to_vec())
                .collect()
        })
        .collect();
    let fit_options = FitOptions {
        learning_rate: options.learning_rate,
        batch_examples: BATCH_EXAMPLES,
        dropout: options.dropout,
        examples: options.max_examples.min(training.len() * options.epochs),
        examples_per_check: (training.len() / 4).clamp(BATCH_EXAMPLES, 10_000),
        seed: options.seed,
    };
    let report =
        |stage, progress: ProgressFn<'_>, done, total| progress(Progress::new(stage, done, total));
    let trie_fit = fit(
        &mut trie.tree,
        &vectors,
        &paths,
        &training,
        &held_out,
        &fit_options,
        &mut |done, total| {
            report(Stage::FittingTrieHead, &mut *progress, done, total);
        },
    );

    let mut documents = document_tree(segments, &places, params);
    let initial = documents.unit.clone();
    let paths: Vec<Vec<Vec<Step>>> = (0..places.len() as u32)
        .map(|row| vec![vec![Step { node: 0, row }]])
        .collect();
    let fit_options = FitOptions {
        learning_rate: options.document_learning_rate,
        ..fit_options
    };
    let document_fit = fit(
        &mut documents,
        &vectors,
        &paths,
        &training,
        &held_out,
        &fit_options,
        &mut |done, total| {
            report(Stage::FittingDocumentHead, &mut *progress, done, total);
        },
    );
    for (fitted, initial) in documents.unit.chunks_mut(dim).zip(initial.chunks(dim)) {
        fitted
            .iter_mut()
            .for_each(|value| *value *= options.document_head_share);
        add_scaled(fitted, 1.0 - options.document_head_share, initial);
        normalise(fitted);
    }

    let mut document_heads: Vec<Vec<f32>> = segments
        .iter()
        .map(|segment| document_head(segment, dim))
        .collect();
    for (place, fitted) in places.iter().zip(documents.unit.chunks(dim)) {
        let start = place.ordinal as usize * dim;
        document_heads[place.segment as usize][start..start + dim].copy_from_slice(fitted);
    }
    let heads = trie
        .heads(&forest, &edges)?
        .into_iter()
        .zip(segments.iter().zip(document_heads));
    Ok(Trained {
        heads: heads
            .map(|(head, (segment, vectors))| {
                let rows = to_f16_bytes(&vectors);
                head_sections(head, Some((u64::from(segment.document_count), rows)))
            })
            .collect(),
        record: TrainingRecord {
            seed: options.seed,
            documents: places.len() as u64,
            pseudo_queries: queries.len() as u64,
            written_queries: written,
            held_out: held_out.len() as u64,
            trie_head: record(&trie_fit),
            document_head: record(&document_fit),
        },
    })
}

/// All live documents, their pseudo-queries, and which document each query belongs to.
struct Asked {
    places: Vec<Place>,
    queries: Vec<String>,
    owners: Vec<u32>,
    /// Of the queries, those that a language model wrote.
    written: u64,
}

fn ask(
    corpus: &TrainingCorpus<'_>,
    params: &IndexParams,
    options: &TrainOptions,
    progress: ProgressFn<'_>,
) -> Result<Asked> {
    let TrainingCorpus {
        segments,
        queries: tables,
        stats,
    } = *corpus;
    let query_options = PseudoQueryOptions {
        per_document: params.pseudo_queries.per_document,
        seed: options.seed,
    };
    let total: usize = segments
        .iter()
        .map(|segment| segment.document_count as usize)
        .sum();
    let (mut places, mut queries, mut owners) = (Vec::new(), Vec::new(), Vec::new());
    let mut written = 0;
    for ((number, segment), table) in (0u32..).zip(segments).zip(tables) {
        let is_live = |ordinal| segment.is_live(ordinal);
        segment.documents.for_each(is_live, |ordinal, document| {
            let own = table.iter().flat_map(|table| table.queries(ordinal));
            let before = queries.len();
            queries.extend(own.map(str::to_owned));
            written += (queries.len() - before) as u64;
            queries.extend(pseudo_queries(&document, stats, &query_options));
            owners.resize(queries.len(), places.len() as u32);
            places.push(Place {
                segment: number,
                ordinal,
            });
            progress(Progress::new(Stage::PseudoQueries, places.len(), total));
            Ok(())
        })?;
    }
    Ok(Asked {
        places,
        queries,
        owners,
        written,
    })
}

/// Training and held-out examples: some documents keep one of their queries back.
fn split(owners: &[u32], document_count: usize, seed: u64) -> (Vec<Example>, Vec<Example>) {
    let mut rng = Rng::new(seed ^ 0x68_656C_646F_7574);
    let share = HELD_OUT_SHARE.min(MAX_HELD_OUT as f32 / document_count.max(1) as f32);
    let (mut training, mut held_out) = (Vec::new(), Vec::new());
    let mut query = 0u32;
    for group in owners.chunk_by(|a, b| a == b) {
        let examples = (query..)
            .zip(group)
            .map(|(query, &document)| Example { query, document });
        let kept_back = (group.len() > 1 && rng.unit_f32() < share).then(|| rng.index(group.len()));
        for (index, example) in examples.enumerate() {
            if Some(index) == kept_back {
                held_out.push(example)
            } else {
                training.push(example)
            }
        }
        query += group.len() as u32;
    }
    (training, held_out)
}

/// The document head as a tree of one level.
fn document_tree(segments: &[Segment], places: &[Place], params: &IndexParams) -> SoftmaxTree {
    let dim = params.encoder.dim;
    let mut unit = Vec::with_capacity(places.len() * dim);
    for place in places {
        let rows = &segments[place.segment as usize].document_vectors;
        unit.extend(
            rows.row(place.ordinal as usize)
                .iter()
                .map(|value| value.to_f32()),
        );
    }
    SoftmaxTree {
        dim,
        scale: params.scale,
        node_rows: std::iter::once(0..places.len() as u32).collect(),
        unit,
        bias: vec![0.0; places.len()],
    }
}

fn document_head(segment: &Segment, dim: usize) -> Vec<f32> {
    let mut values = Vec::with_capacity(segment.document_count as usize * dim);
    for ordinal in 0..segment.document_count as usize {
        values.extend(
            segment
                .document_head
                .row(ordinal)
                .iter()
                .map(|value| value.to_f32()),
        );
    }
    values
}

fn record(report: &FitReport) -> FitRecord {
    FitRecord {
        examples: report.examples,
        best_examples: report.best_examples,
        initial_loss: report.initial_loss,
        best_loss: report.best_loss,
    }
}
