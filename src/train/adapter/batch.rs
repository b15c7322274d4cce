//! Texts as rows of tokens.
//!
//! ```text
//!   row    prompt ······ │ what follows, as a tree │ padding
//! ```
//!
//! A prefix that several targets of a text share is read once; the attention bias hides from each
//! token all but the prompt, its ancestors and itself.

use std::collections::{BTreeSet, HashMap};

use super::text::{PrefixTarget, TrainingText};
use crate::decode::{HIDDEN, TokenTree};
use crate::model::language::{Objective, RankedPair, Target, TrainingRows};

/// Texts that are read in one step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Batch {
    pub(super) rows: TrainingRows,
    pub(super) objective: Objective,
}

/// A text in its row.
struct Row {
    tokens: Vec<u32>,
    positions: Vec<u32>,
    /// `[tokens, tokens]`.
    bias: Vec<f32>,
    /// By prefix asked for: the token that has its logits.
    places: Vec<usize>,
}

impl Row {
    /// Reads `prefixes` below `prompt`.
    fn new(prompt: &[u32], prefixes: &[Vec<u32>]) -> Row {
        let mut tree = TokenTree::default();
        let pass = tree.plan(prefixes);
        let (head, tail) = (prompt.len(), pass.tokens.len());
        let width = head + tail;
        let mut bias = Vec::with_capacity(width * width);
        for row in 0..head {
            bias.extend((0..width).map(|column| if column <= row { 0.0 } else { HIDDEN }));
        }
        bias.extend(tree.attention_bias(head, tail));
        let below = pass.depths.iter().map(|depth| head as u32 + depth);
        let last = head.saturating_sub(1);
        Row {
            tokens: [prompt, &pass.tokens].concat(),
            positions: (0..head as u32).chain(below).collect(),
            bias,
            places: pass
                .rows
                .iter()
                .map(|row| row.map_or(last, |row| head + row))
                .collect(),
        }
    }
}

/// The width of the row in which a text ranks.
pub(super) fn width(text: &TrainingText) -> usize {
    width_with(text, true)
}

/// The width of the row in which a text is generated.
pub(super) fn width_of_targets(text: &TrainingText) -> usize {
    width_with(text, false)
}

fn width_with(text: &TrainingText, is_ranked: bool) -> usize {
    let below = TokenTree::default().plan(&prefixes(text, is_ranked));
    text.prompt.len() + below.tokens.len()
}

/// The prefixes of a text that logits are wanted for.
fn prefixes(text: &TrainingText, is_ranked: bool) -> Vec<Vec<u32>> {
    match &text.ranked {
        Some(ranked) if is_ranked => ranked.paths().cloned().collect(),
        _ => text.targets.iter().map(|one| one.prefix.clone()).collect(),
    }
}

impl Batch {
    /// What is to be generated below the prompts of `texts`; the loss is the mean over them.
    /// `vocab` is the number of tokens there are.
    pub(super) fn generating(texts: &[&TrainingText], vocab: usize) -> Batch {
        let prefixes = |text: &&TrainingText| prefixes(text, false);
        let (rows, places) = rows(texts, &prefixes);
        let weight = 1.0 / texts.len().max(1) as f32;
        let columns = columns_of(texts, vocab);
        let column: HashMap<u32, usize> = columns.iter().copied().zip(0..).collect();
        let mut objective = Objective {
            head_rows: places.concat(),
            ..Objective::default()
        };
        let targets = || texts.iter().flat_map(|text| &text.targets);
        if targets().any(|target| target.allowed.is_some()) {
            objective.column_bias = column_bias(targets(), &column);
        }
        for (row, target) in targets().enumerate() {
            let wanted = target.wanted.iter().filter_map(|&(token, share)| {
                Some(Target {
                    row,
                    column: *column.get(&token)?,
                    weight: weight * share,
                })
            });
            objective.targets.extend(wanted);
        }
        objective.head_columns = columns;
        Batch { rows, objective }
    }

    /// What is to be ranked below the prompts of `texts`: each better path above its worse ones
    /// (RankNet); the loss is the mean over the pairs.
    pub(super) fn ranking(texts: &[&TrainingText]) -> Batch {
        let prefixes = |text: &&TrainingText| prefixes(text, true);
        let (rows, places) = rows(texts, &prefixes);
        let ranked = texts.iter().filter_map(|text| text.ranked.as_ref());
        let token = ranked.map(|ranked| ranked.token).next();
        let mut objective = Objective {
            head_rows: places.concat(),
            head_columns: token.into_iter().collect(),
            ..Objective::default()
        };
        let pairs: usize = places.iter().map(|one| one.len().saturating_sub(1)).sum();
        let weight = 1.0 / pairs.max(1) as f32;
        let mut better = 0;
        for places in &places {
            let others = better + 1..better + places.len();
            objective.pairs.extend(others.map(|worse| RankedPair {
                better,
                worse,
                weight,
            }));
            better += places.len();
        }
        Batch { rows, objective }
    }
}

/// What keeps each target among the tokens that are allowed, `[targets, columns]`.
fn column_bias<'t>(
    targets: impl Iterator<Item = &'t PrefixTarget>,
    column: &HashMap<u32, usize>,
) -> Vec<f32> {
    let mut bias = Vec::new();
    for target in targets {
        let start = bias.len();
        let others = if target.allowed.is_some() {
            HIDDEN
        } else {
            0.0
        };
        bias.resize(start + column.len(), others);
        for token in target.allowed.iter().flatten() {
            let place = column.get(token).map(|&at| start + at);
            if let Some(bias) = place.and_then(|at| bias.get_mut(at)) {
                *bias = 0.0;
            }
        }
    }
    bias
}

/// The tokens among which some target of `texts` is.
fn columns_of(texts: &[&TrainingText], vocab: usize) -> Vec<u32> {
    let mut targets = texts.iter().flat_map(|text| &text.targets);
    if targets.any(|target| target.allowed.is_none()) {
        return (0..vocab as u32).collect();
    }
    let targets = texts.iter().flat_map(|text| &text.targets);
    let allowed = targets.flat_map(|target| target.allowed.iter().flatten().copied());
    let columns: BTreeSet<u32> = allowed.collect();
    columns.into_iter().collect()
}

/// The rows of texts, padded, and where in them the logits of each text's prefixes are.
fn rows(
    texts: &[&TrainingText],
    prefixes: &dyn Fn(&&TrainingText) -> Vec<Vec<u32>>,
) -> (TrainingRows, Vec<Vec<usize>>) {
    let rows: Vec<Row> = texts
        .iter()
        .map(|text| Row::new(&text.prompt, &prefixes(text)))
        .collect();
    let lens = rows.iter().map(|row| row.tokens.len());
    let width = lens.max().unwrap_or(0);
    let mut padded = TrainingRows {
        rows: rows.len(),
        width,
        tokens: Vec::with_capacity(rows.len() * width),
        positions: Vec::with_capacity(rows.len() * width),
        bias: vec![HIDDEN; rows.len() * width * width],
    };
    let mut places = Vec::with_capacity(rows.len());
    let of_rows = padded.bias.chunks_mut((width * width).max(1));
    for ((number, row), square) in rows.into_iter().enumerate().zip(of_rows) {
        let len = row.tokens.len();
        let lines = square
            .chunks_mut(width.max(1))
            .zip(row.bias.chunks(len.max(1)));
        for (to, from) in lines {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
        padded.tokens.extend(row.tokens);
        padded.positions.extend(row.positions);
        padded.tokens.resize((number + 1) * width, 0);
        padded.positions.resize((number + 1) * width, 0);
        let start = number * width;
        places.push(row.places.into_iter().map(|place| start + place).collect());
    }
    (padded, places)
}
