//! What a fit is asked, and what it says.

/// How to fit an adapter.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AdapterFitOptions {
    /// Rank of the changes.
    pub rank: usize,
    /// Layers below this one are frozen: what they give for a text is computed once and kept.
    pub first_layer: usize,
    /// AdamW's largest step size: it rises over the first twentieth and then falls to zero.
    pub learning_rate: f32,
    /// Share of a factor that goes with every step, times the step size.
    pub weight_decay: f32,
    /// Largest norm of all gradients together.
    pub clip_norm: f32,
    /// Texts of a step.
    pub batch_texts: usize,
    /// Steps in all, those that rank among them.
    pub steps: usize,
    /// Every how many steps one ranks; 0 for none. ZeroGR's: 8.
    pub steps_per_ranking: usize,
    /// How often the held-out loss is looked at.
    pub checks: usize,
    /// Seed of where it begins and of the order of texts.
    pub seed: u64,
}

impl AdapterFitOptions {
    /// Trains so many of the upper layers of a decoder that has `layers`; a third of them where it
    /// is not said: they learn as much, in a third of the time (`benches/NUMBERS.md`).
    pub fn upper_layers(mut self, wanted: Option<usize>, layers: usize) -> Self {
        let trained = wanted.unwrap_or(layers.div_ceil(3)).min(layers);
        self.first_layer = layers - trained;
        self
    }

    /// Makes as many steps as see each of `texts` so many times, those that rank beside them, and
    /// no more than `max_steps`.
    pub fn epochs(mut self, epochs: usize, texts: usize, max_steps: usize) -> Self {
        let generating = texts
            .saturating_mul(epochs)
            .div_ceil(self.batch_texts.max(1));
        let ranking = generating.checked_div(self.steps_per_ranking.saturating_sub(1));
        self.steps = generating
            .saturating_add(ranking.unwrap_or(0))
            .min(max_steps);
        self
    }
}

impl Default for AdapterFitOptions {
    fn default() -> Self {
        AdapterFitOptions {
            rank: 16,
            first_layer: 0,
            learning_rate: 1e-3,
            weight_decay: 0.0,
            clip_norm: 1.0,
            batch_texts: 16,
            steps: 1_000,
            steps_per_ranking: 0,
            checks: 8,
            seed: 0,
        }
    }
}

/// How far a fit is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdapterFitProgress {
    /// Steps done.
    pub steps: usize,
    /// Steps in all.
    pub total: usize,
    /// Loss of the last step, in nats.
    pub loss: f64,
}

/// What a fit did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AdapterFitReport {
    /// Steps that led to what was kept; 0 = where it began is the best.
    pub best_step: usize,
    /// Held-out loss per text before the first step, in nats.
    pub initial_loss: f64,
    /// Held-out loss per text of what was kept.
    pub best_loss: f64,
}
