//! Pseudo-queries and docids as texts for a decoder.

use std::collections::HashSet;

use super::options::{LanguageLoss, LanguageTrainOptions};
use super::targets::WantedDocids;
use crate::Result;
use crate::decode::{DocidPlace, PassagePlace, whole_docids};
use crate::generate::PseudoQueryOptions;
use crate::learn::corpus::TrainingCorpus;
use crate::learn::training_set::{Asked, Participants};
use crate::rng::Rng;
use crate::segment::{Segment, View, Watch};
use crate::train::{Example, MAX_HELD_OUT, RankedPaths, TrainingText};
use crate::trie::Forest;

/// Rivals of a step that ranks. ZeroGR's: 7 of the best 100 by BM25.
const RIVALS: usize = 7;

/// What the scores of the planned search, which are standard scores, are divided by to be the logs of
/// odds.
const TEACHER_TEMPERATURE: f64 = 0.5;

/// Pseudo-queries for each one that is held out.
const TEXTS_PER_HELD_OUT: usize = 8;

/// Passages and how well they answer a query, best first.
pub(crate) type ScoredPassages = Vec<(PassagePlace, f64)>;

/// What the model of an index is asked, and how.
pub(crate) struct LanguageTask<'a> {
    pub(crate) corpus: &'a TrainingCorpus<'a>,
    /// The tokens that the model reads for a query.
    pub(crate) prompt: &'a dyn Fn(&str) -> Result<Vec<u32>>,
    /// The token with which it ends a docid.
    pub(crate) end_token: u32,
    /// The token whose logit ranks, if there is one.
    pub(crate) rerank_token: Option<u32>,
    /// Passages that BM25 finds for a query.
    pub(crate) found_by_words: &'a dyn Fn(&str) -> Result<Vec<PassagePlace>>,
    /// The best passages of the planned search for a query, and its scores.
    pub(crate) found_by_search: &'a dyn Fn(&str) -> Result<ScoredPassages>,
    /// Whether a passage is to be learnt.
    pub(crate) is_new: &'a dyn Fn(&Segment, u32) -> bool,
}

/// What there is to learn.
#[derive(Debug, Default)]
pub(crate) struct LanguageTexts {
    pub(crate) training: Vec<TrainingText>,
    pub(crate) held_out: Vec<TrainingText>,
    /// Passages that are learnt for the first time.
    pub(crate) new: usize,
    /// Passages that are asked for, new ones among them.
    pub(crate) asked: usize,
}

impl LanguageTexts {
    /// Whether there is something to learn, and something to see by whether it is.
    pub(crate) fn can_be_learnt(&self) -> bool {
        !self.training.is_empty() && !self.held_out.is_empty()
    }

    /// Adds the texts of another index.
    pub(crate) fn extend(&mut self, other: LanguageTexts) {
        self.training.extend(other.training);
        self.held_out.extend(other.held_out);
        self.new += other.new;
        self.asked += other.asked;
    }

    /// The texts of a training; without any where nothing is new.
    ///
    /// # Errors
    ///
    /// `Corrupt` where a document or a trie cannot be read, those of the prompt, and `Cancelled`.
    pub(crate) fn new(
        task: &LanguageTask<'_>,
        options: &LanguageTrainOptions,
        watch: &mut Watch<'_>,
    ) -> Result<LanguageTexts> {
        let segments = task.corpus.segments;
        let is_new = |place: &PassagePlace| {
            let segment = segments.get(place.segment as usize);
            segment.is_some_and(|segment| (task.is_new)(segment, place.passage))
        };
        // Many old ones, each asked a little: a model that is shown new ones alone forgets the others.
        let repeated = |new: usize| new.saturating_mul(options.queries_per_document);
        let participants = Participants::by(segments, options.seed, &is_new, &repeated);
        let queries = PseudoQueryOptions {
            per_document: options.queries_per_document,
            seed: options.seed,
        };
        let most = options.max_steps.saturating_mul(options.batch_queries);
        let most = most.min(
            participants
                .new
                .saturating_mul(options.queries_per_document * 2),
        );
        let asked = Asked::new(task.corpus, &participants, &queries, most, watch)?;
        let owners = (0..).zip(&asked.owners);
        let mut training: Vec<Example> = owners
            .map(|(query, &document)| Example { query, document })
            .collect();
        Rng::new(options.seed).shuffle(&mut training);
        let held_out = (training.len() / TEXTS_PER_HELD_OUT).clamp(1, MAX_HELD_OUT);
        let held_out = training.split_off(training.len().saturating_sub(held_out));
        let view = View::all(segments);
        let forest = view.forest();
        let writer = TextWriter {
            task,
            options,
            forest: &forest,
        };
        let texts = |examples: &[Example]| -> Result<Vec<TrainingText>> {
            let texts = examples.iter().filter_map(|example| {
                let query = asked.queries.get(example.query as usize)?;
                let place = participants.places.get(example.document as usize)?;
                Some((query, *place))
            });
            let texts = texts.map(|(query, place)| {
                watch.check()?;
                writer.text(query, place)
            });
            // Where nothing branches there is nothing to choose.
            let teaches = |text: &Result<TrainingText>| {
                text.as_ref().map_or(true, |text| !text.targets.is_empty())
            };
            texts.filter(teaches).collect()
        };
        Ok(LanguageTexts {
            training: texts(&training)?,
            held_out: texts(&held_out)?,
            new: participants.new,
            asked: participants.asked,
        })
    }
}

/// The softmax of scores.
fn shares(found: &[(PassagePlace, f64)]) -> impl Iterator<Item = (PassagePlace, f32)> {
    let best = found.iter().map(|(_, score)| *score);
    let best = best.fold(f64::NEG_INFINITY, f64::max);
    let odds = move |score: f64| ((score - best) / TEACHER_TEMPERATURE).exp();
    let sum: f64 = found.iter().map(|(_, score)| odds(*score)).sum();
    found
        .iter()
        .map(move |&(place, score)| (place, (odds(score) / sum) as f32))
}

struct TextWriter<'a> {
    task: &'a LanguageTask<'a>,
    options: &'a LanguageTrainOptions,
    forest: &'a Forest<'a>,
}

impl TextWriter<'_> {
    fn text(&self, query: &str, place: PassagePlace) -> Result<TrainingText> {
        let docids = self.docids(place)?;
        let mut text = TrainingText {
            prompt: (self.task.prompt)(query)?,
            ..TrainingText::default()
        };
        let wanted = self.wanted(query, place, &docids)?;
        text.targets = match self.options.loss {
            LanguageLoss::Children => wanted.children(self.forest, self.task.end_token)?,
            LanguageLoss::Vocabulary => wanted.vocabulary(self.task.end_token),
        };
        if self.options.steps_per_ranking > 0 {
            text.ranked = self.ranked(query, place, &docids)?;
        }
        Ok(text)
    }

    /// The docids of a passage.
    fn docids(&self, place: PassagePlace) -> Result<Vec<Vec<u32>>> {
        let segment = self.task.corpus.segments.get(place.segment as usize);
        let ranks = segment
            .into_iter()
            .flat_map(|segment| segment.passage_docids.row(place.passage));
        let docids = ranks.map(|rank| DocidPlace {
            segment: place.segment,
            rank,
        });
        whole_docids(self.forest, &docids.collect::<Vec<_>>())
    }

    /// The docids of the passage, and those that the teacher finds for the query.
    fn wanted(&self, query: &str, place: PassagePlace, own: &[Vec<u32>]) -> Result<WantedDocids> {
        let taught = self.options.distillation;
        let mut wanted = WantedDocids::default();
        wanted.add(0, own.to_vec(), 1.0 - taught);
        if taught > 0.0 {
            let found = (self.task.found_by_search)(query)?;
            for (owner, (found, share)) in shares(&found).enumerate() {
                match found == place {
                    true => wanted.add(0, own.to_vec(), share * taught),
                    false => wanted.add(owner + 1, self.docids(found)?, share * taught),
                }
            }
        }
        Ok(wanted)
    }

    /// A docid of the passage, and those of others that BM25 finds for the query.
    fn ranked(
        &self,
        query: &str,
        place: PassagePlace,
        docids: &[Vec<u32>],
    ) -> Result<Option<RankedPaths>> {
        let (Some(token), false) = (self.task.rerank_token, docids.is_empty()) else {
            return Ok(None);
        };
        let mut rng = Rng::for_name(self.options.seed, query);
        let mut rivals = (self.task.found_by_words)(query)?;
        rivals.retain(|rival| *rival != place);
        rng.shuffle(&mut rivals);
        rivals.truncate(RIVALS);
        let mut seen: HashSet<Vec<u32>> = docids.iter().cloned().collect();
        let mut worse = Vec::with_capacity(rivals.len());
        for rival in rivals {
            let mut docids = self.docids(rival)?;
            if docids.is_empty() {
                continue;
            }
            let docid = docids.swap_remove(rng.index(docids.len()));
            if seen.insert(docid.clone()) {
                worse.push(docid);
            }
        }
        let better = docids.get(rng.index(docids.len())).cloned();
        Ok(better
            .filter(|_| !worse.is_empty())
            .map(|better| RankedPaths {
                token,
                better,
                worse,
            }))
    }
}
