//! Why a document was found: the decisions that generated its docid, and the words it shares
//! with the query.

use serde::Serialize;

use super::search::{Hit, Mode, SearchOptions, score_of};
use super::snapshot::Snapshot;
use super::view::View;
use crate::Result;
use crate::decode::Memo;
use crate::trie::END;

/// Why a hit was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The tokens of its docid in order; those after the last decision were forced.
    pub tokens: Vec<u32>,
    /// The decisions on the way; their log-probabilities add up to that of the docid.
    pub decisions: Vec<Decision>,
    /// Log-probability of the docid.
    pub docid_log_prob: f64,
    /// What the planner added to the drawn score, in nats.
    pub planner: f64,
    /// The query's terms in the document, each with what it adds to BM25.
    pub matched_terms: Vec<MatchedTerm>,
}

/// One choice of a token among several.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Decision {
    /// Which token of the docid it chose.
    pub position: u32,
    /// The token; `None` where the docid ends and others go on.
    pub token: Option<u32>,
    /// Tokens there were to choose from.
    pub choices: u32,
    /// Conditional log-probability of the choice.
    pub log_prob: f64,
    /// Docids left after it.
    pub docids_left: u32,
}

/// A term of the query that a document contains.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MatchedTerm {
    /// The term: a stem, where stemming is on.
    pub term: String,
    /// What it adds to the document's BM25.
    pub score: f64,
}

impl Snapshot {
    pub(super) fn explain(
        &self,
        hit: &Hit,
        memo: &mut Memo<'_>,
        words: &str,
        view: &View<'_>,
        options: &SearchOptions,
    ) -> Result<Explanation> {
        let steps = memo.path((hit.segment, hit.rank))?;
        let decisions: Vec<Decision> = steps
            .iter()
            .map(|step| Decision {
                position: step.depth,
                token: (step.token != END).then_some(step.token),
                choices: step.choices,
                log_prob: step.log_prob,
                docids_left: step.live_docids,
            })
            .collect();
        let segment = self.state.segments.get(hit.segment as usize);
        let tokens = segment.map(|segment| segment.trie.docid(hit.rank));
        let matched = match options.mode {
            Mode::Generative => Explanation::default(),
            _ => self.explain_words(hit, words, view)?,
        };
        Ok(Explanation {
            tokens: tokens.transpose()?.flatten().unwrap_or_default(),
            docid_log_prob: decisions.iter().map(|decision| decision.log_prob).sum(),
            decisions,
            planner: match options.mode {
                Mode::Planned => hit.drawn_score - hit.log_prob,
                _ => 0.0,
            },
            ..matched
        })
    }

    /// The words alone.
    pub(super) fn explain_words(
        &self,
        hit: &Hit,
        words: &str,
        view: &View<'_>,
    ) -> Result<Explanation> {
        let mut matched_terms = Vec::new();
        for term in self.params().lexicon.analyser().terms(words) {
            let scores = self.lexical_of_terms(std::slice::from_ref(&term), view)?;
            let score = score_of(&scores, hit.segment, hit.ordinal);
            if score > 0.0 {
                matched_terms.push(MatchedTerm { term, score });
            }
        }
        Ok(Explanation {
            matched_terms,
            ..Explanation::default()
        })
    }
}
