//! The expander of language models without tree attention: every prefix is a row of its own.
//!
//! A graph of another exporter takes no attention bias, so prefixes cannot share a pass below
//! one prompt. Each is read from the start, together with those of its length: correct, and slow.

use super::expander::{Branching, Expander};
use super::language::LanguageQuery;
use super::place::DocidPlace;
use crate::Result;
use crate::model::language::LanguageModel;
use crate::trie::Forest;

/// Prefixes per call.
const BATCH: usize = 16;

/// Scores prefixes by a language model that reads each of them anew.
pub struct RowsExpander<'a> {
    model: &'a LanguageModel,
    query: LanguageQuery<'a>,
    forest: &'a Forest<'a>,
}

impl<'a> RowsExpander<'a> {
    /// An expander for one query over the docids of `forest`.
    pub fn new(model: &'a LanguageModel, query: LanguageQuery<'a>, forest: &'a Forest<'a>) -> Self {
        RowsExpander {
            model,
            query,
            forest,
        }
    }

    fn logits_behind(&self, paths: &[Vec<u32>]) -> Result<Vec<Vec<f32>>> {
        let prompts: Vec<Vec<u32>> = paths
            .iter()
            .map(|path| [self.query.prompt, path].concat())
            .collect();
        self.model.next_logits(&prompts)
    }
}

impl Expander for RowsExpander<'_> {
    fn batch(&self) -> usize {
        BATCH
    }

    fn expand(&mut self, nodes: &[Branching<'_>], logits: &mut Vec<f32>) -> Result<()> {
        let paths = nodes.iter().map(|one| self.forest.tokens_to(one.node));
        let behind = self.logits_behind(&paths.collect::<Result<Vec<_>>>()?)?;
        for (values, node) in behind.iter().zip(nodes) {
            let labels = node
                .children
                .iter()
                .map(|child| self.query.label(child.token));
            logits.extend(labels.map(|label| super::language::value_at(values, label)));
        }
        Ok(())
    }

    fn name(&self) -> &str {
        "the language model"
    }

    fn rerank(&mut self, docids: &[DocidPlace]) -> Result<Option<Vec<f32>>> {
        let Some(token) = self.query.rerank_token else {
            return Ok(None);
        };
        let behind = self.logits_behind(&super::language::whole_docids(self.forest, docids)?)?;
        let score = |values: &Vec<f32>| super::language::value_at(values, token);
        Ok(Some(behind.iter().map(score).collect()))
    }
}
