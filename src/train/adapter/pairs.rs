//! Prompts and what is to be written behind them, as texts for a decoder.

use super::text::{MAX_HELD_OUT, TrainingText};
use crate::language::TuningPair;
use crate::model::language::LanguageModel;
use crate::rng::Rng;
use crate::{Error, ErrorKind, Result};

/// Which pairs are learnt from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairOptions {
    /// Pairs with more tokens, the one that ends them among them, are left out. The model's context is
    /// a limit too.
    pub max_tokens: usize,
    /// Share that is held out, 64 pairs at most; all pairs of a prompt are held out together.
    pub held_out: f64,
    /// Most pairs that are learnt from, drawn from all; 0 for all.
    pub max_pairs: usize,
    /// Seed of what is held out and drawn.
    pub seed: u64,
}

impl Default for PairOptions {
    fn default() -> Self {
        PairOptions {
            max_tokens: 512,
            held_out: 0.05,
            max_pairs: 0,
            seed: 0,
        }
    }
}

/// Pairs as texts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PairTexts {
    /// What is learnt from.
    pub training: Vec<TrainingText>,
    /// What is looked at.
    pub held_out: Vec<TrainingText>,
    /// Pairs with too many tokens, of those that were looked at.
    pub too_long: usize,
}

impl PairTexts {
    /// `pairs` as `model` reads and is to write them: every token behind a prompt, and the end, among
    /// all of the vocabulary. The order is drawn.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a pair with a blank side, when fewer than two prompts are left, and those of
    /// [`LanguageModel::pair_ids`]; `Model` for a model without a token that ends a text.
    pub fn new(
        model: &LanguageModel,
        pairs: &[TuningPair],
        options: &PairOptions,
    ) -> Result<PairTexts> {
        let config = model.config();
        let Some(&end) = config.eos_token_ids.first() else {
            let message = format!("{} has no token that ends a text", config.name);
            return Err(Error::new(ErrorKind::Model, message));
        };
        let max_tokens = options.max_tokens.min(config.max_positions);
        let mut texts = PairTexts::default();
        let mut order: Vec<(u64, usize)> = pairs
            .iter()
            .enumerate()
            .map(|(at, pair)| {
                let name = format!("{:?}", pair.prompt);
                (Rng::for_name(options.seed, &name).next_u64(), at)
            })
            .collect();
        order.sort_unstable();
        let wanted = (pairs.len() as f64 * options.held_out).ceil() as usize;
        let held_out = wanted.clamp(1, MAX_HELD_OUT);
        let mut training = Vec::new();
        let mut last = None;
        for (place, at) in order {
            let Some(pair) = pairs.get(at) else {
                continue;
            };
            if pair.completion.trim().is_empty() {
                let message = format!("pair {} has nothing to write", at + 1);
                return Err(Error::invalid(message));
            }
            // The loss that is looked at is that of prompts that are not learnt.
            let is_held_out = texts.held_out.len() < held_out || last == Some(place);
            if !is_held_out {
                training.push(pair);
                continue;
            }
            match text(model, pair, end, max_tokens)? {
                Some(text) => {
                    texts.held_out.push(text);
                    last = Some(place);
                }
                None => texts.too_long += 1,
            }
        }
        Rng::new(options.seed).shuffle(&mut training);
        let most = match options.max_pairs {
            0 => training.len(),
            some => some,
        };
        for pair in training {
            if texts.training.len() == most {
                break;
            }
            match text(model, pair, end, max_tokens)? {
                Some(text) => texts.training.push(text),
                None => texts.too_long += 1,
            }
        }
        if texts.training.is_empty() {
            return Err(Error::invalid(format!(
                "there is nothing to learn: {} pairs, {} of them of more than {max_tokens} tokens; \
                 two prompts are the least",
                pairs.len(),
                texts.too_long
            )));
        }
        Ok(texts)
    }
}

/// A pair as a text; none if it is too long.
fn text(
    model: &LanguageModel,
    pair: &TuningPair,
    end: u32,
    max_tokens: usize,
) -> Result<Option<TrainingText>> {
    let (prompt, written) = model.pair_ids(pair)?;
    let is_short = prompt.len() + written.len() < max_tokens;
    Ok(is_short.then(|| TrainingText::continuation(prompt, &written, end)))
}
