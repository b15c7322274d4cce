//! Writing many texts at once.
//!
//! ```text
//!   requests ─► tokens ─► shortest first ─┐                 ┌─► finished: reported
//!                                         ▼                 │
//!              beginning they all share ─► read ─► rows ─► step ─► rows ─► step ─► …
//!              (read once)                          ▲       │
//!                                                   └───────┘ rows join when half are free
//! ```
//!
//! A row is one sample of one request. Rows of any lengths go on together; one that is finished
//! leaves when a quarter of the batch is, since leaving means copying what stays.
//!
//! - I1. A row's tokens follow from its request alone, up to float noise: what shares a pass moves
//!   32-bit logits by about 1e-5 of their size. 8-bit and 4-bit weights quantise activations over
//!   a whole pass; there a token can differ.
//! - I2. No prompt is cut; no row grows past the model's positions.

use std::collections::VecDeque;

use super::finish::finish;
use super::job::{Job, shared_prefix};
use super::sampler::Sampler;
use crate::Result;
use crate::language::{Completion, Generated};
use crate::model::language::decoder::kinds::{Decoder, Read};
use crate::model::language::decoder::{KvCache, KvRow};

/// How much is in flight.
#[derive(Debug, Clone, Copy)]
pub(in crate::model::language) struct BatchLimits {
    /// Rows of a step.
    pub(in crate::model::language) rows: usize,
    /// Memory for keys and values.
    pub(in crate::model::language) kv_bytes: usize,
    /// Positions of the model.
    pub(in crate::model::language) positions: usize,
    /// Tokens that may be chosen: the first of the vocabulary.
    pub(in crate::model::language) vocab: usize,
}

/// One continuation in flight.
#[derive(Debug)]
struct Row {
    job: usize,
    sample: usize,
    sampler: Sampler,
    tokens: Vec<u32>,
    /// Where the last token goes.
    position: usize,
    is_finished: bool,
}

/// The completions of a request so far.
#[derive(Debug, Default)]
struct Pending {
    completions: Vec<Option<Completion>>,
}

/// What turns tokens into text and knows which of them end one.
pub(in crate::model::language) trait Vocabulary {
    fn text(&self, tokens: &[u32]) -> Result<String>;
    fn ends(&self, token: u32) -> bool;
}

/// Continues all jobs.
pub(in crate::model::language) fn generate(
    decoder: &Decoder,
    vocabulary: &dyn Vocabulary,
    limits: BatchLimits,
    jobs: &[Job<'_>],
    done: &mut dyn FnMut(usize, Generated) -> Result<()>,
) -> Result<()> {
    let mut batch = Batch::new(decoder, vocabulary, limits, jobs)?;
    let mut finished = Vec::new();
    while batch.is_busy() {
        batch.admit(&mut finished)?;
        batch.step(&mut finished)?;
        for job in finished.drain(..) {
            if let Some(generated) = batch.take(job) {
                done(job, generated)?;
            }
        }
    }
    Ok(())
}

struct Batch<'a> {
    decoder: &'a Decoder,
    vocabulary: &'a dyn Vocabulary,
    limits: BatchLimits,
    jobs: &'a [Job<'a>],
    waiting: VecDeque<usize>,
    /// The tokens all prompts begin with, read.
    prefix: Option<KvCache>,
    rows: Vec<Row>,
    cache: Option<KvCache>,
    pending: Vec<Pending>,
}

impl<'a> Batch<'a> {
    fn new(
        decoder: &'a Decoder,
        vocabulary: &'a dyn Vocabulary,
        limits: BatchLimits,
        jobs: &'a [Job<'a>],
    ) -> Result<Batch<'a>> {
        let mut order: Vec<usize> = (0..jobs.len()).collect();
        order.sort_by_key(|&job| (jobs.get(job).map(|job| job.prompt.len()), job));
        let prefix = match shared_prefix(jobs) {
            Some(tokens) if decoder.is_flexible() => Some(decoder.read(&[tokens])?.cache),
            _ => None,
        };
        let pending = jobs.iter().map(|job| Pending {
            completions: vec![None; job.request.samples],
        });
        Ok(Batch {
            decoder,
            vocabulary,
            limits,
            waiting: order.into(),
            prefix,
            rows: Vec::new(),
            cache: None,
            pending: pending.collect(),
            jobs,
        })
    }

    fn is_busy(&self) -> bool {
        !self.rows.is_empty() || !self.waiting.is_empty()
    }

    /// Rows that fit next to each other if all were as long as those of `job` can get.
    fn rows_that_fit(&self, job: &Job<'_>) -> usize {
        let shape = self.decoder.kv_shape();
        let token = 2 * shape.layers * shape.kv_heads * shape.head_dim * size_of::<f32>();
        let row = (job.prompt.len() + job.request.max_new_tokens) * token;
        (self.limits.kv_bytes / row.max(1)).clamp(1, self.limits.rows.max(1))
    }

    /// Lets waiting requests in if half the rows are free.
    fn admit(&mut self, finished: &mut Vec<usize>) -> Result<()> {
        let active = self.rows.iter().filter(|row| !row.is_finished).count();
        let may_join = if self.decoder.is_flexible() {
            active * 2 <= self.limits.rows
        } else {
            active == 0
        };
        if self.waiting.is_empty() || !may_join {
            return Ok(());
        }
        let mut admitted: Vec<usize> = Vec::new();
        let mut rows = active;
        while let Some(&next) = self.waiting.front() {
            let Some(job) = self.jobs.get(next) else {
                break;
            };
            let first = admitted.first().and_then(|&first| self.jobs.get(first));
            let fits = self.decoder.is_flexible()
                || first.is_none_or(|first| first.prompt.len() == job.prompt.len());
            let limit = self.rows_that_fit(job);
            // The samples of a request come together: the first may go beyond the limit, or the
            // last rows of the one before would be written alone.
            let is_first = admitted.is_empty() && active * 2 <= limit;
            let has_room = is_first || rows + job.request.samples <= limit;
            if rows > 0 && !(fits && has_room) {
                break;
            }
            rows += job.request.samples;
            admitted.push(next);
            self.waiting.pop_front();
        }
        if admitted.is_empty() {
            return Ok(());
        }
        let reads = self.read(&admitted)?;
        let mut joined: Vec<(KvRow<'_>, Row)> = Vec::new();
        let mut at = admitted.iter();
        for read in &reads {
            for row in 0..read.cache.rows() {
                let Some(&job) = at.next() else {
                    break;
                };
                let place = KvRow {
                    cache: &read.cache,
                    row,
                };
                for new in self.start(job, read.logits.row(row), finished)? {
                    joined.push((place, new));
                }
            }
        }
        let cache = self.cache.take();
        let mut places: Vec<KvRow<'_>> = Vec::new();
        let mut rows = Vec::new();
        for (row, old) in std::mem::take(&mut self.rows).into_iter().enumerate() {
            if let Some(cache) = cache.as_ref().filter(|_| !old.is_finished) {
                places.push(KvRow { cache, row });
                rows.push(old);
            }
        }
        for (place, new) in joined {
            places.push(place);
            rows.push(new);
        }
        self.rows = rows;
        if !places.is_empty() {
            self.cache = Some(KvCache::gather(&places)?);
        }
        Ok(())
    }

    /// Reads the prompts of the admitted jobs, in their order.
    fn read(&self, admitted: &[usize]) -> Result<Vec<Read>> {
        let prompts = admitted.iter().filter_map(|&job| self.jobs.get(job));
        let prompts: Vec<&[u32]> = prompts.map(|job| job.prompt.as_slice()).collect();
        if let Some(prefix) = &self.prefix {
            let rest = |prompt: &&[u32]| {
                let rest = prompt.get(prefix.width()..).unwrap_or_default();
                self.decoder.read_on(prefix, rest)
            };
            return prompts.iter().map(rest).collect();
        }
        let most = self.decoder.pass_tokens(self.limits.vocab);
        let mut reads = Vec::new();
        let mut left = prompts.as_slice();
        while !left.is_empty() {
            // Shortest first: the last of a group is as wide as it gets.
            let mut count = 1;
            while left
                .get(count)
                .is_some_and(|prompt| prompt.len() * (count + 1) <= most)
            {
                count += 1;
            }
            let (group, later) = left.split_at(count);
            reads.push(self.decoder.read(group)?);
            left = later;
        }
        Ok(reads)
    }

    /// The rows of a job whose prompt has been read, with their first tokens.
    fn start(&mut self, job: usize, logits: &[f32], finished: &mut Vec<usize>) -> Result<Vec<Row>> {
        let Some(found) = self.jobs.get(job) else {
            return Ok(Vec::new());
        };
        let mut rows = Vec::new();
        for sample in 0..found.request.samples {
            let mut row = Row {
                job,
                sample,
                sampler: Sampler::new(found.request.sampling, &found.request.name, sample),
                tokens: Vec::new(),
                position: found.prompt.len() - 1,
                is_finished: false,
            };
            self.write(&mut row, logits, finished)?;
            if !row.is_finished {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    /// Appends one token to every row.
    fn step(&mut self, finished: &mut Vec<usize>) -> Result<()> {
        let Some(cache) = &self.cache else {
            return Ok(());
        };
        let tokens = self
            .rows
            .iter()
            .map(|row| row.tokens.last().copied().unwrap_or(0));
        let tokens: Vec<u32> = tokens.collect();
        let positions: Vec<u32> = self.rows.iter().map(|row| row.position as u32).collect();
        let read = self.decoder.step(&tokens, &positions, cache)?;
        let mut rows = std::mem::take(&mut self.rows);
        for (number, row) in rows.iter_mut().enumerate() {
            if row.is_finished {
                row.position += 1;
            } else {
                self.write(row, read.logits.row(number), finished)?;
            }
        }
        self.rows = rows;
        self.cache = Some(read.cache);
        self.drop_finished()
    }

    /// Chooses a row's next token and ends the row where it is to end.
    fn write(&mut self, row: &mut Row, logits: &[f32], finished: &mut Vec<usize>) -> Result<()> {
        let Some(job) = self.jobs.get(row.job) else {
            return Ok(());
        };
        let allowed = logits.get(..self.limits.vocab.min(logits.len()));
        let token = row
            .sampler
            .choose(allowed.unwrap_or_default(), row.tokens.len())?;
        let ends = self.vocabulary.ends(token);
        if !ends {
            row.tokens.push(token);
            row.position += 1;
        }
        let text = self.vocabulary.text(&row.tokens)?;
        let Some((text, finish)) = finish(&text, ends, row.tokens.len(), job.request) else {
            return Ok(());
        };
        row.is_finished = true;
        let completion = Completion {
            text: text.to_owned(),
            tokens: row.tokens.len(),
            finish,
        };
        if let Some(pending) = self.pending.get_mut(row.job) {
            if let Some(slot) = pending.completions.get_mut(row.sample) {
                *slot = Some(completion);
            }
            if pending.completions.iter().all(Option::is_some) {
                finished.push(row.job);
            }
        }
        Ok(())
    }

    /// Takes finished rows out when there are enough of them, or one can go no further.
    fn drop_finished(&mut self) -> Result<()> {
        let out = self.rows.iter().filter(|row| row.is_finished);
        let at_the_end = |row: &Row| row.position + 1 >= self.limits.positions;
        let is_due =
            out.clone().count() * 4 >= self.rows.len().max(1) || out.clone().any(at_the_end);
        if !is_due || out.count() == 0 {
            return Ok(());
        }
        let cache = self.cache.take();
        let mut places = Vec::new();
        for (row, kept) in self.rows.iter().enumerate() {
            if let Some(cache) = cache.as_ref().filter(|_| !kept.is_finished) {
                places.push(KvRow { cache, row });
            }
        }
        if !places.is_empty() {
            self.cache = Some(KvCache::gather(&places)?);
        }
        self.rows.retain(|row| !row.is_finished);
        Ok(())
    }

    /// What came of a finished job.
    fn take(&mut self, job: usize) -> Option<Generated> {
        let pending = std::mem::take(self.pending.get_mut(job)?);
        Some(Generated {
            prompt_tokens: self.jobs.get(job)?.prompt.len(),
            completions: pending.completions.into_iter().flatten().collect(),
        })
    }
}
