//! The loop that fits an adapter.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::batch::{Batch, width, width_of_targets};
use super::checkpoint::State;
use super::factors::{AdamW, Factors};
use super::options::{AdapterFitOptions, AdapterFitProgress, AdapterFitReport};
use super::order::{Course, CourseStep, Order};
use super::streams::Streams;
use super::text::TrainingText;
use crate::convert::training_graphs;
use crate::model::language::{
    AdaptableLayer, Adapter, BaseModel, Beginning, DecoderOptions, FactorShape, GradientSession,
    LanguageModelConfig, LowRank, StepGradients,
};
use crate::train::schedule::schedule;
use crate::{Error, ErrorKind, Result};

/// Steps between two checkpoints.
const STEPS_PER_CHECKPOINT: usize = 20;

/// The factors that were kept.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedAdapter {
    /// The layers that are changed.
    pub shapes: Vec<AdaptableLayer>,
    /// A and B of each, next to each other.
    pub factors: Vec<Vec<f32>>,
    /// What the fit was asked.
    pub options: AdapterFitOptions,
    /// What the fit did.
    pub report: AdapterFitReport,
}

impl FittedAdapter {
    /// What was kept, as an adapter of `base`.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a value that is not a finite number, `Limit` for a model that is too large.
    pub fn into_adapter(self, base: BaseModel) -> Result<Adapter> {
        let mut factors = self.factors.into_iter();
        let changes = self.shapes.iter().map(|shape| LowRank {
            layer: shape.layer,
            module: shape.module,
            inputs: shape.inputs,
            outputs: shape.outputs,
            a: factors.next().unwrap_or_default(),
            b: factors.next().unwrap_or_default(),
        });
        let changes = changes.collect();
        Adapter::new(base, self.options.rank, changes)
    }

    /// What is to be known of the fit, for [`Adapter::with_facts`].
    pub fn facts(&self) -> BTreeMap<String, String> {
        let (options, report) = (&self.options, &self.report);
        let facts = [
            ("seed", options.seed.to_string()),
            ("steps", options.steps.to_string()),
            ("best_step", report.best_step.to_string()),
            ("learning_rate", options.learning_rate.to_string()),
            ("initial_loss", report.initial_loss.to_string()),
            ("best_loss", report.best_loss.to_string()),
        ];
        facts.map(|(name, fact)| (name.to_owned(), fact)).into()
    }
}

/// A fit that can be run.
#[derive(Debug)]
pub struct AdapterFit {
    session: GradientSession,
    shapes: Vec<AdaptableLayer>,
    options: AdapterFitOptions,
    vocab: usize,
    weights_sha256: String,
    checkpoint: Option<PathBuf>,
}

impl AdapterFit {
    /// Prepares fitting an adapter to the model in `folder`.
    ///
    /// # Errors
    ///
    /// Those of [`training_graphs`] and [`GradientSession::open`].
    pub fn open(
        folder: &Path,
        decoder: &DecoderOptions,
        options: &AdapterFitOptions,
    ) -> Result<AdapterFit> {
        let config = LanguageModelConfig::read(folder)?;
        let graphs = training_graphs(folder, options.first_layer)?;
        let frozen = graphs.frozen.as_deref();
        Ok(AdapterFit {
            session: GradientSession::open(frozen, &graphs.trained, folder, decoder)?,
            shapes: graphs.shapes,
            options: options.clone(),
            vocab: config.vocab,
            weights_sha256: config.weights_sha256,
            checkpoint: None,
        })
    }

    /// Keeps where it stands in the file `path`, and goes on from there if the file is of the
    /// same texts and options.
    pub fn checkpoint(mut self, path: PathBuf) -> Self {
        self.checkpoint = Some(path);
        self
    }

    /// Removes the checkpoint, once what came of the fit is kept: gone on from again, it would only
    /// come to the same.
    pub fn forget_checkpoint(&self) {
        if let Some(path) = &self.checkpoint {
            let _ = fs::remove_file(path);
        }
    }

    /// Fits to `training` and keeps what has the least loss on `held_out`. `start` are factors to
    /// begin with, those of an adapter of the same layers and rank. `progress` is told after every
    /// step how far it is.
    ///
    /// # Errors
    ///
    /// `InvalidInput` without texts, or when `start` has other sizes; `Model` when the graph fails or
    /// the loss is no number; `AlreadyExists` when the checkpoint would be written over another file;
    /// `Io` and `DiskFull` of the checkpoint; what `progress` gives.
    pub fn run(
        &self,
        training: &[TrainingText],
        held_out: &[TrainingText],
        start: Option<Vec<Vec<f32>>>,
        progress: &mut dyn FnMut(AdapterFitProgress) -> Result<()>,
    ) -> Result<FittedAdapter> {
        if training.is_empty() || held_out.is_empty() {
            return Err(Error::invalid(
                "there is nothing to train on, or nothing held out",
            ));
        }
        let options = &self.options;
        let state = self.beginning(start)?;
        let plan = self.plan(training, held_out, &state.factors);
        let mut state = match &self.checkpoint {
            Some(path) => state.resumed(path, &plan)?,
            None => state,
        };
        let streams = Streams::of(&self.session, options, training)?;
        let held_out_streams = Streams::of(&self.session, options, held_out)?;
        let widths: Vec<usize> = training.iter().map(width_of_targets).collect();
        let (ranked, ranked_widths) = ranked(training);
        let mut course = Course::new(
            Order::new(&widths, options.batch_texts, options.seed),
            Order::new(&ranked_widths, texts_per_ranking(options), !options.seed),
            &ranked,
            options.steps_per_ranking,
        );
        let per_check = options.steps.div_ceil(options.checks.max(1)).max(1);

        if state.steps == 0 {
            let loss = self.mean_loss(&state.factors, held_out, &held_out_streams)?;
            state.report.initial_loss = loss;
            state.report.best_loss = loss;
        }
        while state.steps < options.steps {
            let number = state.steps;
            let mut step = match course.step(number) {
                CourseStep::Rank(places) => self.rank(&state.factors, training, &places)?,
                CourseStep::Generate(places) => {
                    self.generate(&state.factors, training, &streams, &places)?
                }
            };
            let loss = f64::from(step.loss + step.pair_loss);
            if !loss.is_finite() || step.gradients.iter().flatten().any(|g| !g.is_finite()) {
                return Err(Error::new(
                    ErrorKind::Model,
                    format!("training came to nothing at step {number}: lower the learning rate"),
                ));
            }
            let share = (number + 1) as f32 / options.steps as f32;
            let rate = options.learning_rate * schedule(share);
            state.optimiser.step(
                &mut state.factors,
                &mut step.gradients,
                rate,
                options.weight_decay,
                options.clip_norm,
            );
            state.steps += 1;
            if state.steps % per_check == 0 || state.steps == options.steps {
                let loss = self.mean_loss(&state.factors, held_out, &held_out_streams)?;
                if loss < state.report.best_loss {
                    state.report.best_loss = loss;
                    state.report.best_step = state.steps;
                    state.best.clone_from(&state.factors.values);
                }
            }
            if let Some(path) = &self.checkpoint
                && state.steps % STEPS_PER_CHECKPOINT == 0
            {
                state.write(path, &plan)?;
            }
            progress(AdapterFitProgress {
                steps: state.steps,
                total: options.steps,
                loss,
            })?;
        }
        Ok(FittedAdapter {
            shapes: self.shapes.clone(),
            factors: state.best,
            options: self.options.clone(),
            report: state.report,
        })
    }

    fn beginning(&self, start: Option<Vec<Vec<f32>>>) -> Result<State> {
        let mut factors = Factors::new(&self.shapes, self.options.rank, self.options.seed);
        if let Some(start) = start {
            let sizes = |lists: &[Vec<f32>]| lists.iter().map(Vec::len).collect::<Vec<_>>();
            if sizes(&start) != sizes(&factors.values) {
                return Err(Error::invalid(
                    "the adapter to begin with changes other layers, or has another rank",
                ));
            }
            factors.values = start;
        }
        Ok(State {
            optimiser: AdamW::new(&factors),
            best: factors.values.clone(),
            factors,
            report: AdapterFitReport::default(),
            steps: 0,
        })
    }

    /// Identifies everything that a fit depends on.
    fn plan(
        &self,
        training: &[TrainingText],
        held_out: &[TrainingText],
        factors: &Factors,
    ) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(&self.weights_sha256);
        hash.update(format!("{:?}", self.options));
        for texts in [training, held_out] {
            for text in texts {
                hash.update(format!("{text:?}\n"));
            }
            hash.update("\n");
        }
        for values in &factors.values {
            hash.update(zerocopy::IntoBytes::as_bytes(values.as_slice()));
        }
        hash.finalize().into()
    }

    /// Loss per text, in nats.
    fn mean_loss(
        &self,
        factors: &Factors,
        texts: &[TrainingText],
        streams: &Streams,
    ) -> Result<f64> {
        let mut places: Vec<usize> = (0..texts.len()).collect();
        places.sort_by_cached_key(|&at| texts.get(at).map(width_of_targets));
        let mut sum = 0.0;
        for some in places.chunks(self.options.batch_texts.max(1)) {
            let step = self.generate(factors, texts, streams, some)?;
            sum += f64::from(step.loss) * some.len() as f64;
        }
        Ok(sum / texts.len().max(1) as f64)
    }

    fn generate(
        &self,
        factors: &Factors,
        texts: &[TrainingText],
        streams: &Streams,
        places: &[usize],
    ) -> Result<StepGradients> {
        let chosen: Vec<&TrainingText> = places.iter().filter_map(|&at| texts.get(at)).collect();
        let batch = Batch::generating(&chosen, self.vocab);
        match streams.padded(places, batch.rows.width) {
            Some(stream) => self.step(&batch, Beginning::Stream(&stream), factors),
            None => self.step_from_tokens(&batch, factors),
        }
    }

    fn rank(
        &self,
        factors: &Factors,
        texts: &[TrainingText],
        places: &[usize],
    ) -> Result<StepGradients> {
        let chosen: Vec<&TrainingText> = places.iter().filter_map(|&at| texts.get(at)).collect();
        self.step_from_tokens(&Batch::ranking(&chosen), factors)
    }

    fn step_from_tokens(&self, batch: &Batch, factors: &Factors) -> Result<StepGradients> {
        if self.options.first_layer == 0 {
            return self.step(batch, Beginning::Tokens, factors);
        }
        let stream = self.session.frozen_stream(&batch.rows)?;
        self.step(batch, Beginning::Stream(&stream), factors)
    }

    fn step(
        &self,
        batch: &Batch,
        beginning: Beginning<'_>,
        factors: &Factors,
    ) -> Result<StepGradients> {
        let pairs: Vec<(&FactorShape, &[f32])> = factors.pairs();
        self.session
            .step(&batch.rows, beginning, &batch.objective, &pairs)
    }
}

/// The texts that rank, and their widths.
fn ranked(texts: &[TrainingText]) -> (Vec<usize>, Vec<usize>) {
    let ranked = texts.iter().enumerate();
    let ranked = ranked.filter(|(_, text)| text.ranked.is_some());
    ranked.map(|(at, text)| (at, width(text))).unzip()
}

/// Texts of a step that ranks: below each prompt are several docids.
fn texts_per_ranking(options: &AdapterFitOptions) -> usize {
    (options.batch_texts / 4).max(1)
}
