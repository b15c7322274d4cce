//! Passes of the graph: of single batches on the session that is there, of a bulk job on sessions of
//! one thread each, which take batches from one queue. What is told of tokens is told where they were
//! made, by the thread of the pass.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use rayon::prelude::*;

use super::Encoder;
use crate::Result;
use crate::encode::TokenVectors;
use crate::model::encoder::asked::Asked;
use crate::model::encoder::batches::{batches, longest_first};
use crate::model::encoder::graph::{EachRow, Graph};

/// Tokens from which a job is worth sessions of its own: making them costs as much as a tenth of it.
const BULK_TOKENS: usize = 8_192;

/// What is given the rows of a batch and their vectors.
type StoreBatch<'a> = &'a mut dyn FnMut(&[usize], &[f32]) -> Result<()>;

impl Encoder {
    /// Runs one batch on a session of the pool.
    pub(super) fn run(&self, rows: &[&[u32]], asked: Asked<'_>) -> Result<Vec<f32>> {
        let further = || self.further_graph();
        self.graphs
            .run(further, |graph| self.pass(graph, rows, asked))
    }

    /// One pass of a graph: `[rows, dim]` unit vectors.
    fn pass(&self, graph: &mut Graph, rows: &[&[u32]], asked: Asked<'_>) -> Result<Vec<f32>> {
        let Some(reader) = &self.reader else {
            let mut each = |at, row: TokenVectors<'_>| {
                if let Some(each) = asked.each {
                    each(at, self.of_text(row));
                }
                Ok(())
            };
            let each = asked.each.is_some().then_some(&mut each as EachRow<'_>);
            return graph.run(rows, self.pooling, None, each);
        };
        let mut vectors = Vec::new();
        let mut each = |at, row: TokenVectors<'_>| {
            let compared = reader.compared(row, asked.role);
            vectors.extend(compared.pooled()?);
            if let Some(each) = asked.each {
                each(at, compared.tokens());
            }
            Ok(())
        };
        graph.run(rows, self.pooling, reader.unattended(), Some(&mut each))?;
        Ok(vectors)
    }

    /// What belongs to the text itself of a row of an encoder that was not made to compare tokens.
    fn of_text<'a>(&self, row: TokenVectors<'a>) -> TokenVectors<'a> {
        let range = self.tokenizer.text_range(row.tokens.len());
        let values = range.start * self.dim..range.end * self.dim;
        TokenVectors {
            tokens: row.tokens.get(range.clone()).unwrap_or(&[]),
            vectors: row.vectors.get(values).unwrap_or(&[]),
            query_weights: row.query_weights.get(range.clone()).unwrap_or(&[]),
            document_weights: row.document_weights.get(range).unwrap_or(&[]),
        }
    }

    /// A session beside the first one, with an equal part of the threads.
    fn further_graph(&self) -> Result<Graph> {
        let sessions = self.options.sessions_or_default(self.cuda.is_some());
        let threads = (self.options.threads_or_default() / sessions).max(1);
        Graph::new(self.runtime, (*self.model).as_ref(), threads, self.cuda)
    }

    /// Encodes the token rows of one window; `store` gets every batch and its vectors.
    /// `bulk` keeps the sessions of a bulk job from window to window.
    pub(super) fn encode_window(
        &self,
        rows: &[Vec<u32>],
        asked: Asked<'_>,
        bulk: &mut Vec<Graph>,
        store: StoreBatch<'_>,
    ) -> Result<()> {
        let order = longest_first(rows);
        let batches = batches(
            rows,
            &order,
            self.options.batch_tokens_or_default(self.cuda.is_some()),
        );
        let tokens: usize = rows.iter().map(Vec::len).sum();
        if tokens >= BULK_TOKENS && bulk.is_empty() {
            *bulk = self.bulk_graphs()?;
        }
        if bulk.is_empty() {
            return batches.iter().try_for_each(|batch| {
                let encoded = asked.of_batch(rows, batch, |rows, asked| self.run(rows, asked))?;
                store(batch, &encoded)
            });
        }
        let next = AtomicUsize::new(0);
        // Bounded: the receiver tells progress, whose error is to end the passes soon.
        let (sender, receiver) = mpsc::sync_channel(bulk.len());
        thread::scope(|scope| {
            for graph in bulk {
                let (sender, next, batches) = (sender.clone(), &next, &batches);
                scope.spawn(move || {
                    while let Some(&batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let pass =
                            |rows: &[&[u32]], asked: Asked<'_>| self.pass(graph, rows, asked);
                        let encoded = asked.of_batch(rows, batch, pass);
                        // The receiver is gone after an error elsewhere: stop.
                        if sender.send((batch, encoded)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            receiver
                .into_iter()
                .try_for_each(|(batch, encoded)| store(batch, &encoded?))
        })
    }

    /// The sessions of a bulk job; none if the one there is serves as well.
    fn bulk_graphs(&self) -> Result<Vec<Graph>> {
        let sessions = self.options.sessions_or_default(self.cuda.is_some());
        if sessions <= 1 {
            return Ok(Vec::new());
        }
        (0..sessions)
            .into_par_iter()
            .map(|_| self.further_graph())
            .collect()
    }
}
