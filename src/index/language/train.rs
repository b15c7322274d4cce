//! Training the language model of an index: it learns to generate the right docids, and the index
//! keeps what changed as an adapter.
//!
//! ```text
//!   commit what is pending ─► texts (learn) ─► fit (train), with a checkpoint beside the index
//!                                                 │
//!                     adapter, in one commit ◄────┘
//! ```
//!
//! - I1. Until that commit nothing of the index changes. A process that is killed goes on from the
//!   checkpoint, and comes to the same bytes.
//! - I2. What was learnt is known by hashes of passages' names, which the adapter records; new
//!   passages are learnt together with some that are not.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::Result;
use crate::decode::PassagePlace;
use crate::index::commit::Draft;
use crate::index::models::language::LanguageModelRetriever;
use crate::index::prepare::term_stats;
use crate::index::snapshot::Snapshot;
use crate::index::writer::Writer;
use crate::learn::{LanguageTask, LanguageTexts, LanguageTrainOptions, TrainingCorpus};
use crate::lexicon::CountedTexts;
use crate::model::language::{Adapter, DecoderOptions};
use crate::rng::stable_hash;
use crate::search::SearchOptions;
use crate::segment::{DocumentPlace, Progress, ProgressFn, Segment, Stage, Watch, find_document};
use crate::train::{AdapterFit, AdapterFitOptions, checkpoint_beside};

/// Documents that BM25 finds, among which rivals are drawn. ZeroGR's: 100.
const FOUND_BY_WORDS: usize = 100;

/// Characters of an instruction that an adapter records.
const MAX_INSTRUCTION_CHARS: usize = 1_000;

/// What a training of the language model did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LanguageTrainReport {
    /// Passages learnt for the first time; 0 if nothing was trained.
    pub new_documents: usize,
    /// Passages asked for, new ones among them.
    pub asked_documents: usize,
    /// Pseudo-queries trained on.
    pub queries: usize,
    /// Pseudo-queries held out.
    pub held_out: usize,
    /// Steps, those that rank among them.
    pub steps: usize,
    /// Step whose state was kept; 0 = where it began.
    pub best_step: usize,
    /// Held-out loss per query before, in nats.
    pub initial_loss: f64,
    /// Held-out loss per query of what was kept.
    pub best_loss: f64,
    /// Number of the commit that took the adapter in.
    pub generation: u64,
}

impl Writer {
    /// Commits what is pending, then trains the language model of the index on pseudo-queries of
    /// its documents, and commits the adapter that comes of it. New documents are learnt, and a part
    /// of the others again; all of them the first time.
    ///
    /// # Errors
    ///
    /// As [`Writer::commit`]; `InvalidInput` when the index was made without a language model, or for an
    /// option that no fit can go by; `Model` for a model whose weights are integers or of another
    /// exporter, or when training comes to nothing; `UntrustedModel`, `ModelMismatch`, `Runtime` and `Device`
    /// of the model; `Cancelled`; `AlreadyExists` when something else is in the place of the checkpoint, and
    /// its `Io` and `DiskFull`.
    pub fn train_language(
        &mut self,
        options: &LanguageTrainOptions,
        progress: ProgressFn<'_>,
    ) -> Result<LanguageTrainReport> {
        options.check()?;
        self.commit()?;
        let cancel = self.cancelled_by().clone();
        let mut watch = Watch::new(progress, &cancel);
        let snapshot = self.index().snapshot();
        let retriever = snapshot.models.language_model(&snapshot.state)?;
        let mut report = LanguageTrainReport {
            generation: snapshot.generation(),
            ..LanguageTrainReport::default()
        };
        let recorded = snapshot.adapter()?;
        let earlier = recorded.as_ref().filter(|_| !options.full);
        let rerank_token = retriever.rerank_token();
        let texts = texts(
            &snapshot,
            retriever,
            options,
            earlier,
            rerank_token,
            &mut watch,
        )?;
        if texts.training.is_empty() || texts.held_out.is_empty() {
            return Ok(report);
        }
        let fit_options = fit_options(options, retriever, earlier, texts.training.len());
        let decoder = DecoderOptions::new()
            .threads(options.threads)
            .device(retriever.device());
        let checkpoint = options
            .checkpoint
            .clone()
            .unwrap_or_else(|| checkpoint_beside(snapshot.state.stored.path()));
        let fit =
            AdapterFit::open(retriever.folder(), &decoder, &fit_options)?.checkpoint(checkpoint);
        let start = earlier.map(factors_of);
        let fitted = fit.run(&texts.training, &texts.held_out, start, &mut |so_far| {
            watch.report(Progress::new(
                Stage::TrainingLanguageModel,
                so_far.steps,
                so_far.total,
            ))
        })?;
        report.new_documents = texts.new;
        report.asked_documents = texts.asked;
        report.queries = texts.training.len();
        report.held_out = texts.held_out.len();
        report.steps = fit_options.steps;
        report.best_step = fitted.report.best_step;
        report.initial_loss = fitted.report.initial_loss;
        report.best_loss = fitted.report.best_loss;
        let mut facts = fitted.facts();
        facts.insert("queries".into(), report.queries.to_string());
        if let Some(instruction) = &options.instruction {
            let beginning = instruction.chars().take(MAX_INSTRUCTION_CHARS).collect();
            facts.insert("instruction".into(), beginning);
        }
        facts.extend(learnt(&snapshot.state.segments));
        let ranks = rerank_token.filter(|_| fit_options.steps_per_ranking > 0);
        let adapter = fitted.into_adapter(retriever.base_model())?;
        let adapter = adapter.with_rerank_token(ranks).with_facts(facts)?;
        self.set_adapter(&adapter)?;
        report.generation = self.commit()?.generation;
        fit.forget_checkpoint();
        Ok(report)
    }
}

fn texts(
    snapshot: &Snapshot,
    retriever: &LanguageModelRetriever,
    options: &LanguageTrainOptions,
    earlier: Option<&Adapter>,
    rerank_token: Option<u32>,
    watch: &mut Watch<'_>,
) -> Result<LanguageTexts> {
    let segments: &[Segment] = &snapshot.state.segments;
    let params = snapshot.params();
    let stats = term_stats(segments.iter(), &CountedTexts::default(), params, true)?;
    let queries = Draft::new(snapshot).query_tables();
    let corpus = TrainingCorpus {
        segments,
        queries: &queries,
        stats: &stats,
    };
    let by_words = SearchOptions::new().k(FOUND_BY_WORDS);
    let known = earlier.map(known_hashes).unwrap_or_default();
    let task = LanguageTask {
        corpus: &corpus,
        prompt: &|query| {
            let query = retriever.cut_for_training(query)?;
            retriever.training_prompt(options.instruction.as_deref(), query)
        },
        end_token: retriever.end_token(),
        rerank_token,
        found_by_words: &|query| {
            let found = snapshot.search_lexical(query, &by_words)?;
            let ids = found.hits.iter().map(|hit| hit.id.as_str());
            Ok(ids.filter_map(|id| first_passage(segments, id)).collect())
        },
        is_new: &|segment, passage| !known.contains(&hash_of(segment, passage)),
    };
    LanguageTexts::new(&task, options, watch)
}

fn first_passage(segments: &[Segment], id: &str) -> Option<PassagePlace> {
    let DocumentPlace { segment, ordinal } = find_document(segments, id)?;
    let passages = &segments.get(segment as usize)?.passages;
    Some(PassagePlace {
        segment,
        passage: passages.of(ordinal).start,
    })
}

fn fit_options(
    options: &LanguageTrainOptions,
    retriever: &LanguageModelRetriever,
    earlier: Option<&Adapter>,
    texts: usize,
) -> AdapterFitOptions {
    let first_of = |adapter: &Adapter| adapter.changes().first().map_or(0, |one| one.layer);
    let layers = retriever.layers();
    let trained = earlier.map(|adapter| layers.saturating_sub(first_of(adapter)));
    AdapterFitOptions {
        rank: earlier.map_or(options.rank, Adapter::rank),
        learning_rate: options.learning_rate,
        batch_texts: options.batch_queries,
        steps_per_ranking: options.steps_per_ranking,
        seed: options.seed,
        ..AdapterFitOptions::default()
    }
    .upper_layers(trained.or(options.layers), layers)
    .epochs(options.epochs, texts, options.max_steps)
}

fn factors_of(adapter: &Adapter) -> Vec<Vec<f32>> {
    let factors = adapter.changes().iter();
    factors
        .flat_map(|one| [one.a.clone(), one.b.clone()])
        .collect()
}

/// Hashes of passages in a fact, and facts with hashes: 4,096 bytes each, and no more than 200.
const HASHES_PER_FACT: usize = 512;
const MAX_HASH_FACTS: usize = 200;

/// Beginning of the names of facts with hashes.
const LEARNT: &str = "learnt.";

fn hash_of(segment: &Segment, passage: u32) -> u32 {
    stable_hash(segment.passage_name(passage).as_bytes()) as u32
}

/// The passages that an adapter has seen, as facts. Without any where they are too many: then all
/// are new to the next training.
fn learnt(segments: &[Segment]) -> BTreeMap<String, String> {
    let of_segment = |segment: &Segment| -> Vec<u32> {
        let passages = segment.live_passages();
        passages.map(|passage| hash_of(segment, passage)).collect()
    };
    let hashes: BTreeSet<u32> = segments.iter().flat_map(of_segment).collect();
    let hashes: Vec<u32> = hashes.into_iter().collect();
    if hashes.len() > HASHES_PER_FACT * MAX_HASH_FACTS {
        return BTreeMap::new();
    }
    let facts = hashes.chunks(HASHES_PER_FACT).enumerate();
    facts
        .map(|(number, hashes)| {
            let text: String = hashes.iter().map(|hash| format!("{hash:08x}")).collect();
            (format!("{LEARNT}{number}"), text)
        })
        .collect()
}

fn known_hashes(adapter: &Adapter) -> BTreeSet<u32> {
    let facts = adapter.facts().iter();
    let lists = facts.filter(|(name, _)| name.starts_with(LEARNT));
    let hashes = lists.flat_map(|(_, text)| text.as_bytes().chunks(8));
    hashes
        .filter_map(|hash| u32::from_str_radix(std::str::from_utf8(hash).ok()?, 16).ok())
        .collect()
}

impl LanguageTrainReport {
    /// Whether there was anything to learn.
    pub fn is_trained(&self) -> bool {
        self.new_documents > 0
    }
}
