//! Fitting the heads of all segments to pseudo-queries of their documents.
//!
//! Every document asks its own pseudo-queries; one of them is held out for a share of the
//! documents, and fitting stops when the held-out loss no longer falls. Trie head and document
//! head see the same examples.
//!
//! ```text
//!   first training, or full    all documents    edges start from passage vectors
//!   later                      new documents    edges start from what is stored, and only those
//!                                               above a new document are fitted
//! ```
//!
//! - I1. A later training costs what is new: examples, encoding, and the nodes on their paths.
//! - I2. It changes no document's vector but those of new documents, and no segment without one.

use super::corpus::TrainingCorpus;
use super::fitted_edges::FittedEdges;
use super::options::TrainOptions;
use super::training_set::{Asked, Participants};
use crate::Result;
use crate::columns::VectorRows;
use crate::decode::PassagePlace;
use crate::encode::CheckedEncoder;
use crate::format::SectionInput;
use crate::generate::PseudoQueryOptions;
use crate::rng::Rng;
use crate::segment::{
    FitRecord, IndexParams, Progress, QueryTable, Segment, Stage, TrainingRecord, View, Watch,
    head_sections,
};
use crate::train::{Example, FitOptions, FitReport, SoftmaxTree, Step, TrieTree, fit};
use crate::vectors::{add_scaled, normalise, to_f16_bytes};
use zerocopy::IntoBytes;

/// The fitted heads of each segment, `None` where they stay as they are, and the record for the
/// manifest.
pub(crate) struct Trained {
    pub(crate) heads: Vec<Option<Vec<SectionInput<'static>>>>,
    pub(crate) record: TrainingRecord,
}

const BATCH_EXAMPLES: usize = 256;

/// Everything is fitted anew when less than this share (numerator, denominator) of the documents
/// of the last training is left: a fit for many documents serves a part of them less well.
const MIN_LEFT: (u64, u64) = (2, 3);

/// Documents that the document head tells apart at once. With more, each is told apart from
/// that many others, drawn at random, so that an example costs the same however many there are.
const BLOCK_DOCUMENTS: usize = 8_192;

/// The live passages of an index; most documents are one.
#[derive(Default)]
struct Survey {
    live: u64,
    /// Those that no training has seen.
    new: u64,
    /// Queries that a language model wrote for all of them, and for those that are not new.
    written: u64,
    written_for_old: u64,
}

impl Survey {
    fn of(segments: &[Segment], queries: &[Option<QueryTable>]) -> Self {
        let mut survey = Survey::default();
        for (segment, table) in segments.iter().zip(queries) {
            for ordinal in segment.live_ordinals() {
                let written = table.as_ref().map_or(0, |one| one.queries(ordinal).count());
                let passages = segment.passages.of(ordinal);
                survey.written += written as u64;
                if !segment.is_unfitted(passages.start) {
                    survey.written_for_old += written as u64;
                }
                survey.live += passages.len() as u64;
                let new = passages.filter(|&passage| segment.is_unfitted(passage));
                survey.new += new.count() as u64;
            }
        }
        survey
    }

    /// Whether everything has to be learnt, and not just what is new.
    fn needs_all(&self, earlier: Option<&TrainingRecord>) -> bool {
        let Some(earlier) = earlier else {
            return true;
        };
        let old = self.live - self.new;
        self.new > old
            || old * MIN_LEFT.1 < earlier.documents * MIN_LEFT.0
            || self.written_for_old > earlier.written_queries
    }
}

/// What a training will do.
pub(crate) struct TrainingPlan {
    survey: Survey,
    participants: Participants,
    /// Whether everything is fitted anew.
    all: bool,
}

impl TrainingPlan {
    /// What there is to learn; `None` if nothing is. Reads neither texts nor models.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for options that no fit can go by.
    pub(crate) fn new(
        segments: &[Segment],
        queries: &[Option<QueryTable>],
        params: &IndexParams,
        options: &TrainOptions,
    ) -> Result<Option<Self>> {
        options.check()?;
        let survey = Survey::of(segments, queries);
        let all = options.full || survey.needs_all(params.training.as_ref());
        let participants = match all {
            true => Participants::all(segments),
            false => Participants::new_ones(segments, options.seed),
        };
        let plan = TrainingPlan {
            survey,
            participants,
            all,
        };
        Ok(Some(plan).filter(|plan| plan.participants.new > 0))
    }
}

/// Fits what is planned.
///
/// # Errors
///
/// Those of the encoder, and `Corrupt` where a document or a trie cannot be read.
pub(crate) fn train_heads(
    plan: TrainingPlan,
    corpus: &TrainingCorpus<'_>,
    encoder: &CheckedEncoder,
    params: &IndexParams,
    options: &TrainOptions,
    watch: &mut Watch<'_>,
) -> Result<Trained> {
    let TrainingPlan {
        survey,
        participants,
        all,
    } = plan;
    let segments = corpus.segments;
    let query_options = PseudoQueryOptions {
        per_document: params.pseudo_queries.per_document,
        seed: options.seed,
    };
    let asked = Asked::new(
        corpus,
        &participants,
        &query_options,
        options.max_examples,
        watch,
    )?;
    let prompt = &params.encoder.query_prompt;
    let prompt_tokens = encoder.prompt_tokens(prompt)?;
    let queries = asked.queries.iter();
    let texts: Vec<String> = queries.map(|query| format!("{prompt}{query}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let vectors = encoder.encode_queries(
        &texts,
        params
            .encoder
            .max_query_tokens
            .saturating_add(prompt_tokens),
        &mut |done, total| watch.report(Progress::new(Stage::EncodingPseudoQueries, done, total)),
        None,
    )?;
    let (training, held_out) = asked.split(participants.asked, options.seed);
    let examples = Examples {
        vectors: &vectors,
        training: &training,
        held_out: &held_out,
    };

    let marks =
        [participants.new, participants.asked].map(|count| participants.marks(segments, count));
    let view = View::all(segments);
    let forest = view.forest();
    let [learnt, with_queries] = &marks;
    let edges = FittedEdges::new(
        segments,
        view.edges(),
        params.encoder.dim,
        [learnt, with_queries],
        all,
    );
    let mut trie = TrieTree::new(&forest, &edges, params.encoder.dim, params.scale)?;
    let paths: Vec<Vec<Vec<Step>>> = participants.places[..participants.asked]
        .iter()
        .map(|place| {
            let docids = &segments[place.segment as usize].passage_docids;
            let ranks = docids.row(place.passage);
            ranks
                .map(|rank| trie.path(place.segment, rank).to_vec())
                .collect()
        })
        .collect();
    let trie_fit = examples.fit(
        &mut trie.tree,
        &paths,
        options,
        options.learning_rate,
        &mut |done, total| watch.report(Progress::new(Stage::FittingTrieHead, done, total)),
    )?;
    drop(paths);
    let trie_heads = edges.heads(&trie, &forest)?;
    drop(trie);

    let (fitted, document_fit) =
        fit_documents(&examples, segments, &participants, params, options, watch)?;
    let mut document_heads: Vec<Option<Vec<u8>>> = segments
        .iter()
        .zip(learnt)
        .map(|(segment, learnt)| learnt.contains(&true).then(|| head_rows(segment)))
        .collect();
    for (place, fitted) in participants.places.iter().zip(&fitted) {
        let start = place.passage as usize * fitted.len();
        if let Some(rows) = &mut document_heads[place.segment as usize] {
            rows[start..start + fitted.len()].copy_from_slice(fitted);
        }
    }
    let heads = trie_heads.into_iter().zip(document_heads).zip(segments);
    Ok(Trained {
        heads: heads
            .map(|((head, rows), segment)| {
                let rows = (u64::from(segment.passages.count()), rows?);
                Some(head_sections(head?, Some(rows)))
            })
            .collect(),
        record: TrainingRecord {
            seed: options.seed,
            documents: survey.live,
            learnt_documents: participants.new as u64,
            repeated_documents: (participants.asked - participants.new) as u64,
            pseudo_queries: asked.queries.len() as u64,
            written_queries: survey.written,
            held_out: held_out.len() as u64,
            trie_head: record(&trie_fit),
            document_head: record(&document_fit),
        },
    })
}

/// Pseudo-queries as vectors, and what they ask for.
struct Examples<'a> {
    vectors: &'a [f32],
    training: &'a [Example],
    held_out: &'a [Example],
}

impl Examples<'_> {
    fn fit(
        &self,
        tree: &mut SoftmaxTree,
        paths: &[Vec<Vec<Step>>],
        options: &TrainOptions,
        learning_rate: f32,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
    ) -> Result<FitReport> {
        let count = self.training.len();
        let fit_options = FitOptions {
            learning_rate,
            batch_examples: BATCH_EXAMPLES,
            dropout: options.dropout,
            examples: options.max_examples.min(count * options.epochs),
            examples_per_check: (count / 4).clamp(BATCH_EXAMPLES, 10_000),
            seed: options.seed,
        };
        fit(
            tree,
            self.vectors,
            paths,
            self.training,
            self.held_out,
            &fit_options,
            progress,
        )
    }
}

/// The head of every document that is learnt, as a float16 row, and the report of the fit.
fn fit_documents(
    examples: &Examples<'_>,
    segments: &[Segment],
    participants: &Participants,
    params: &IndexParams,
    options: &TrainOptions,
    watch: &mut Watch<'_>,
) -> Result<(Vec<Vec<u8>>, FitReport)> {
    let dim = params.encoder.dim;
    let row = |rows: &VectorRows, place: &PassagePlace| -> Vec<f32> {
        let row = rows.row(place.passage as usize).iter();
        row.map(|value| value.to_f32()).collect()
    };
    let passage =
        |place: &PassagePlace| row(&segments[place.segment as usize].passage_vectors, place);
    let start = |index: usize| {
        let place = &participants.places[index];
        match index < participants.new {
            true => ((passage(place), 0.0), false),
            false => {
                let rows = &segments[place.segment as usize].document_head;
                ((row(rows, place), 0.0), true)
            }
        }
    };
    let mut order: Vec<usize> = (0..participants.places.len()).collect();
    let blocks = order.len().div_ceil(BLOCK_DOCUMENTS).max(1);
    if blocks > 1 {
        Rng::new(options.seed).shuffle(&mut order);
    }
    let mut tree = SoftmaxTree::empty(dim, params.scale);
    let mut paths: Vec<Vec<Vec<Step>>> = vec![Vec::new(); order.len()];
    let mut row_of: Vec<usize> = vec![0; order.len()];
    for block in order.chunks(order.len().div_ceil(blocks).max(1)) {
        let (node, first_row) = (tree.node_rows.len() as u32, tree.row_count() as u32);
        tree.push_node(block.iter().map(|&index| start(index)));
        for (row, &index) in (first_row..).zip(block) {
            paths[index] = vec![vec![Step { node, row }]];
            row_of[index] = row as usize;
        }
    }
    let report = examples.fit(
        &mut tree,
        &paths,
        options,
        options.document_learning_rate,
        &mut |done, total| watch.report(Progress::new(Stage::FittingDocumentHead, done, total)),
    )?;
    let head = |(place, row): (&PassagePlace, usize)| {
        let passage = passage(place);
        let mut head = tree.unit[row * dim..(row + 1) * dim].to_vec();
        head.iter_mut()
            .for_each(|value| *value *= options.document_head_share);
        add_scaled(&mut head, 1.0 - options.document_head_share, &passage);
        normalise(&mut head);
        let mut bytes = to_f16_bytes(&head);
        if bytes == to_f16_bytes(&passage) {
            mark_as_learnt(&mut bytes);
        }
        bytes
    };
    let new = participants.places[..participants.new].iter();
    let heads = new.zip(row_of).map(head).collect();
    Ok((heads, report))
}

/// Changes the last bit of a float16 row that fitting left where it was, so that the document
/// does not count as new for ever.
fn mark_as_learnt(row: &mut [u8]) {
    if let Some(byte) = row.first_mut() {
        *byte ^= 1;
    }
}

/// The document head of a segment as it is, float16 rows.
fn head_rows(segment: &Segment) -> Vec<u8> {
    let rows = 0..segment.passages.count() as usize;
    rows.flat_map(|row| segment.document_head.row(row).as_bytes())
        .copied()
        .collect()
}

fn record(report: &FitReport) -> FitRecord {
    FitRecord {
        examples: report.examples,
        best_examples: report.best_examples,
        initial_loss: report.initial_loss,
        best_loss: report.best_loss,
    }
}
