//! Why a document was found: the decisions that generated its docid, and the words it shares
//! with the query.

use serde::Serialize;

use super::candidate::Candidate;
use super::lexical::{SparseScores, score_of};
use crate::Result;
use crate::decode::Memo;
use crate::segment::Segment;
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

/// BM25 of each term of a query by itself, for all documents.
pub(super) type TermScores<'t> = Vec<(&'t str, Vec<SparseScores>)>;

/// How `candidate` was drawn, and the words.
pub(super) fn explain(
    segments: &[Segment],
    candidate: &Candidate,
    memo: &mut Memo<'_>,
    terms: &TermScores<'_>,
) -> Result<Explanation> {
    let steps = memo.path(candidate.docid_place())?;
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
    let segment = segments.get(candidate.place.segment as usize);
    let tokens = segment.map(|segment| segment.trie.docid(candidate.rank));
    Ok(Explanation {
        tokens: tokens.transpose()?.flatten().unwrap_or_default(),
        docid_log_prob: decisions.iter().map(|decision| decision.log_prob).sum(),
        decisions,
        ..explain_words(candidate, terms)
    })
}

/// The words alone.
pub(super) fn explain_words(candidate: &Candidate, terms: &TermScores<'_>) -> Explanation {
    let matched = terms.iter().map(|(term, scores)| MatchedTerm {
        term: (*term).to_owned(),
        score: score_of(
            scores,
            candidate.document.segment,
            candidate.document.ordinal,
        ),
    });
    Explanation {
        matched_terms: matched.filter(|matched| matched.score > 0.0).collect(),
        ..Explanation::default()
    }
}
