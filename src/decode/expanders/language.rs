//! The language model's expander: docid tokens scored by the model that read the prompt.
//!
//! ```text
//!   prefill   prompt ──► keys and values, kept for the query        logits of the first token
//!   expand    prefixes ──► one pass over all their tokens           logits of their children
//!             (token_tree)   whose ancestors are not cached yet     and of nothing else
//! ```
//!
//! The children of the empty prefix need no pass: the prompt's last token has their logits. "The
//! docid ends here" is the model's own end token. Logits are those of the children alone, so the
//! softmax over them is the model's distribution, renormalised over what exists (ZeroGR, arXiv
//! 2510.10419, constrained decoding).
//!
//! What a token sees does not depend on which pass reads it, so results do not depend on how
//! prefixes are put together, up to the noise of float32 sums (1e-3 of a logit and less).

use super::expander::{Branching, Expander};
use super::place::DocidPlace;
use super::token_tree::TokenTree;
use crate::model::language::{DecoderInput, DecoderSession, KvCache, Logits};
use crate::trie::{END, Forest, ForestChild, MAX_DOCID_TOKENS};
use crate::{Error, ErrorKind, Result};

/// Prefixes per pass. On a CPU a pass over some tens of tokens costs about twice a pass over one.
const BATCH: usize = 32;

/// Tokens of the tree that are kept cached. Every pass copies them, and looks at them; beyond
/// this it is cheaper to read the few that are still needed again.
const MAX_TREE_TOKENS: usize = 1_024;

/// A prompt and what of the model's vocabulary has a meaning in docids.
#[derive(Debug, Clone, Copy)]
pub struct LanguageQuery<'a> {
    /// Instruction and query in the model's own form, as token ids; at least one.
    pub prompt: &'a [u32],
    /// The token with which the model ends a docid.
    pub end_token: u32,
    /// The token whose logit behind a whole docid scores a passage (ZeroGR, arXiv 2510.10419,
    /// rerank); for checkpoints that were trained for it. No docid has it.
    pub rerank_token: Option<u32>,
    /// Most tokens the model can have before it at once.
    pub max_positions: usize,
}

/// Scores prefixes by a language model, with tree attention.
pub struct LanguageExpander<'a> {
    decoder: &'a DecoderSession,
    query: LanguageQuery<'a>,
    forest: &'a Forest<'a>,
    batch: usize,
    prompt: Option<Prompt>,
    tree: TokenTree,
    /// The prompt and the tree; `None` while the tree is empty.
    cache: Option<KvCache>,
    tokens_read: u64,
    model_passes: u64,
}

/// A prompt that has been read.
struct Prompt {
    cache: KvCache,
    /// Of the token behind the prompt, over the vocabulary.
    logits: Logits,
}

impl<'a> LanguageExpander<'a> {
    /// An expander for one query over the docids of `forest`.
    pub fn new(
        decoder: &'a DecoderSession,
        query: LanguageQuery<'a>,
        forest: &'a Forest<'a>,
    ) -> Self {
        LanguageExpander {
            decoder,
            query,
            forest,
            batch: BATCH,
            prompt: None,
            tree: TokenTree::default(),
            cache: None,
            tokens_read: 0,
            model_passes: 0,
        }
    }

    /// Sets how many prefixes a pass should carry where that many are likely to be wanted.
    pub fn batch_of(mut self, prefixes: usize) -> Self {
        self.batch = prefixes.max(1);
        self
    }

    /// Tokens the model has read, those of the prompt among them.
    pub fn tokens_read(&self) -> u64 {
        self.tokens_read
    }

    /// Runs of the model, the one for the prompt among them.
    pub fn model_passes(&self) -> u64 {
        self.model_passes
    }

    fn prompt(&mut self) -> Result<&Prompt> {
        if self.prompt.is_none() {
            let tokens = self.query.prompt;
            let last = tokens
                .len()
                .checked_sub(1)
                .ok_or_else(|| Error::invalid("a language model needs a prompt"))?;
            let positions: Vec<u32> = (0..).take(tokens.len()).collect();
            let output = self.decoder.run(&DecoderInput {
                tokens,
                positions: &positions,
                lens: &[tokens.len()],
                bias: None,
                past: None,
                head_rows: &[last],
                head_columns: &[],
                keep_present: true,
            })?;
            self.count(tokens.len());
            self.prompt = Some(Prompt {
                cache: kept(output.present)?,
                logits: output.logits,
            });
        }
        self.prompt.as_ref().ok_or_else(lost)
    }

    /// One pass that reads what `paths` need and gives logits of `columns` behind each.
    fn read(&mut self, paths: &[Vec<u32>], columns: &[u32]) -> Result<PathLogits> {
        self.prompt()?;
        let wanted: usize = paths.iter().map(Vec::len).sum();
        if self.tree.len() + wanted > self.room()? {
            self.forget_tree();
        }
        let read = self.pass(paths, columns);
        if read.is_err() {
            // What was planned has not been read.
            self.forget_tree();
        }
        read
    }

    /// Most tokens of the tree that may be cached.
    ///
    /// # Errors
    ///
    /// `Limit` when the prompt leaves no room for a docid.
    fn room(&self) -> Result<usize> {
        let (prompt, most) = (self.query.prompt.len(), self.query.max_positions);
        let room = most.saturating_sub(prompt);
        if room < MAX_DOCID_TOKENS {
            return Err(Error::limit(format!(
                "a prompt of {prompt} tokens leaves no room for a docid in a model that reads \
                 {most}: shorten the instruction or the query"
            )));
        }
        Ok(room.min(MAX_TREE_TOKENS))
    }

    /// How many of `paths` one pass can take, the first ones; at least one.
    fn fitting(&self, paths: &[Vec<u32>]) -> Result<usize> {
        let room = self.room()?;
        let mut tokens = 0;
        let fit = paths.iter().take_while(|path| {
            tokens += path.len();
            tokens <= room
        });
        Ok(fit.count().max(1))
    }

    fn forget_tree(&mut self) {
        self.tree = TokenTree::default();
        self.cache = None;
    }

    fn pass(&mut self, paths: &[Vec<u32>], columns: &[u32]) -> Result<PathLogits> {
        let Some(prompt) = &self.prompt else {
            return Err(lost());
        };
        let prompt_len = self.query.prompt.len();
        let pass = self.tree.plan(paths);
        let positions: Vec<u32> = pass
            .depths
            .iter()
            .map(|depth| prompt_len as u32 + depth)
            .collect();
        let bias = self.tree.attention_bias(prompt_len, pass.tokens.len());
        let mut head_rows: Vec<usize> = pass.rows.iter().flatten().copied().collect();
        head_rows.sort_unstable();
        head_rows.dedup();
        let output = self.decoder.run(&DecoderInput {
            tokens: &pass.tokens,
            positions: &positions,
            lens: &[pass.tokens.len()],
            bias: Some(&bias),
            past: Some(self.cache.as_ref().unwrap_or(&prompt.cache)),
            head_rows: &head_rows,
            head_columns: columns,
            keep_present: true,
        })?;
        self.count(pass.tokens.len());
        self.cache = Some(kept(output.present)?);
        let place = |row: &Option<usize>| head_rows.binary_search(&(*row)?).ok();
        Ok(PathLogits {
            of_paths: pass.rows.iter().map(place).collect(),
            logits: output.logits,
        })
    }

    fn count(&mut self, tokens: usize) {
        self.tokens_read += tokens as u64;
        self.model_passes += 1;
    }
}

impl LanguageQuery<'_> {
    /// The token of the vocabulary that stands for a step of the trie.
    pub(in crate::decode) fn label(&self, token: u32) -> u32 {
        label(token, self.end_token)
    }
}

/// The token of the vocabulary that stands for a step of the trie, where `end_token` ends a docid.
pub(crate) fn label(token: u32, end_token: u32) -> u32 {
    match token {
        END => end_token,
        token => token,
    }
}

/// A logit; minus infinity outside the vocabulary.
pub(in crate::decode) fn value_at(values: &[f32], token: u32) -> f32 {
    let value = values.get(token as usize).copied();
    value.unwrap_or(f32::NEG_INFINITY)
}

/// The tokens of docids.
pub(crate) fn whole_docids(forest: &Forest<'_>, docids: &[DocidPlace]) -> Result<Vec<Vec<u32>>> {
    let whole = docids.iter().map(|place| {
        let trie = forest.trie(place.segment);
        let tokens = trie
            .map(|trie| trie.docid(place.rank))
            .transpose()?
            .flatten();
        tokens.ok_or_else(|| Error::invalid("a docid is not in the index"))
    });
    whole.collect()
}

/// Logits behind several paths; `of_paths` says which row is a path's.
struct PathLogits {
    of_paths: Vec<Option<usize>>,
    logits: Logits,
}

fn kept(present: Option<KvCache>) -> Result<KvCache> {
    present.ok_or_else(lost)
}

fn lost() -> Error {
    Error::new(
        ErrorKind::Model,
        "the language model kept nothing of what it read: import it again",
    )
}

impl Expander for LanguageExpander<'_> {
    fn prefill(&mut self) -> Result<()> {
        self.prompt().map(drop)
    }

    fn name(&self) -> &str {
        "the language model"
    }

    fn batch(&self) -> usize {
        self.batch
    }

    fn expand(&mut self, nodes: &[Branching<'_>], logits: &mut Vec<f32>) -> Result<()> {
        let paths = nodes.iter().map(|one| self.forest.tokens_to(one.node));
        let paths: Vec<Vec<u32>> = paths.collect::<Result<_>>()?;
        let (mut paths, mut nodes) = (paths.as_slice(), nodes);
        while let (Some(path), Some(node)) = (paths.first(), nodes.first()) {
            let count = match path.is_empty() {
                true => 1,
                false => self.fitting(paths)?.min(paths.len()),
            };
            match path.is_empty() {
                true => self.root_logits(node.children, logits)?,
                false => self.deeper_logits(
                    paths.get(..count).unwrap_or_default(),
                    nodes.get(..count).unwrap_or_default(),
                    logits,
                )?,
            }
            paths = paths.get(count..).unwrap_or_default();
            nodes = nodes.get(count..).unwrap_or_default();
        }
        Ok(())
    }

    fn rerank(&mut self, docids: &[DocidPlace]) -> Result<Option<Vec<f32>>> {
        let Some(token) = self.query.rerank_token else {
            return Ok(None);
        };
        let paths = whole_docids(self.forest, docids)?;
        let mut scores = Vec::with_capacity(docids.len());
        let mut rest = paths.as_slice();
        while !rest.is_empty() {
            let count = self.fitting(rest)?.min(self.batch);
            let (some, others) = rest.split_at(count.min(rest.len()));
            rest = others;
            let rows = self.read(some, &[token])?;
            let score = |row: &Option<usize>| row.map_or(&[][..], |row| rows.logits.row(row));
            scores.extend(rows.of_paths.iter().map(|row| value_at(score(row), 0)));
        }
        Ok(Some(scores))
    }
}

impl LanguageExpander<'_> {
    fn root_logits(&mut self, children: &[ForestChild], logits: &mut Vec<f32>) -> Result<()> {
        let labels: Vec<u32> = children
            .iter()
            .map(|child| self.query.label(child.token))
            .collect();
        let of_vocabulary = self.prompt()?.logits.row(0);
        let value = |&label: &u32| of_vocabulary.get(label as usize).copied();
        logits.extend(
            labels
                .iter()
                .map(|label| value(label).unwrap_or(f32::NEG_INFINITY)),
        );
        Ok(())
    }

    /// Logits of the children of prefixes other than the empty one, in one pass.
    fn deeper_logits(
        &mut self,
        paths: &[Vec<u32>],
        nodes: &[Branching<'_>],
        logits: &mut Vec<f32>,
    ) -> Result<()> {
        let children = nodes.iter().flat_map(|node| node.children);
        let mut columns: Vec<u32> = children
            .map(|child| self.query.label(child.token))
            .collect();
        columns.sort_unstable();
        columns.dedup();
        let read = self.read(paths, &columns)?;
        for (row, node) in read.of_paths.iter().zip(nodes) {
            let values = row.map_or(&[][..], |row| read.logits.row(row));
            let value = |child: &ForestChild| {
                let column = columns.binary_search(&self.query.label(child.token)).ok()?;
                values.get(column).copied()
            };
            let own = node.children.iter().map(value);
            logits.extend(own.map(|logit| logit.unwrap_or(f32::NEG_INFINITY)));
        }
        Ok(())
    }
}
