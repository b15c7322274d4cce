//! The two kinds of decoder graphs, as generation uses them: read prompts, write the next tokens.
//!
//! | | imported graph | graph of another exporter |
//! |---|---|---|
//! | prompts read together | of any lengths, padded at their ends | of one length |
//! | a beginning read once for many prompts | yes | no |
//! | rows join a running batch | yes | no |
//! | logits computed | those asked for | of every token |

use std::path::Path;
use std::sync::Arc;

use ort::session::Session;
use parking_lot::Mutex;

use super::binding::{Input, Memory, run_bound};
use super::kv_cache::KvCache;
use super::kv_device::KvDevice;
use super::kv_shape::{KvShape, kv_shape};
use super::open::{DecoderOptions, kv_device, open_session};
use super::pass::{DecoderInput, Logits};
use super::session::DecoderSession;
use super::tensors::{failed, float_tensor, unusable, wide};
use crate::model::runtime::device::CudaOptions;
use crate::store::regular_file;
use crate::{Error, Result};

/// Tokens of one prompt that are read in one pass: the bias of a pass is quadratic.
const PASS_TOKENS: usize = 512;

/// Logits of one pass of an external graph, in values: 256 MiB.
const EXTERNAL_LOGITS: usize = 64 << 20;

/// A decoder graph of either kind.
#[derive(Debug)]
pub(in crate::model::language) enum Decoder {
    Imported(DecoderSession),
    External(Arc<ExternalSession>),
}

/// What was read: the cache, and the logits that follow on each row.
#[derive(Debug)]
pub(in crate::model::language) struct Read {
    pub(in crate::model::language) cache: KvCache,
    pub(in crate::model::language) logits: Logits,
}

impl Decoder {
    pub(in crate::model::language) fn kv_shape(&self) -> KvShape {
        match self {
            Decoder::Imported(session) => session.kv_shape(),
            Decoder::External(session) => session.shape,
        }
    }

    /// True if prompts of different lengths can be together, and share their beginning.
    pub(in crate::model::language) fn is_flexible(&self) -> bool {
        matches!(self, Decoder::Imported(_))
    }

    /// Most tokens of several prompts in one pass.
    pub(in crate::model::language) fn pass_tokens(&self, vocab: usize) -> usize {
        match self {
            Decoder::Imported(_) => 2 * PASS_TOKENS,
            Decoder::External(_) => (EXTERNAL_LOGITS / vocab.max(1)).min(2 * PASS_TOKENS),
        }
    }

    /// Reads prompts, none of them empty.
    pub(in crate::model::language) fn read(&self, prompts: &[&[u32]]) -> Result<Read> {
        let session = match self {
            Decoder::External(session) => return session.read(prompts),
            Decoder::Imported(session) => session,
        };
        if let &[prompt] = prompts {
            return read_on(session, None, prompt);
        }
        let lens: Vec<usize> = prompts.iter().map(|prompt| prompt.len()).collect();
        let width = lens.iter().copied().max().unwrap_or(0);
        let mut tokens = Vec::with_capacity(prompts.len() * width);
        for prompt in prompts {
            tokens.extend_from_slice(prompt);
            tokens.resize(tokens.len() + width - prompt.len(), 0);
        }
        let positions: Vec<u32> = prompts.iter().flat_map(|_| 0..width as u32).collect();
        let head_rows: Vec<usize> = lens
            .iter()
            .enumerate()
            .map(|(row, len)| row * width + len - 1)
            .collect();
        run(session, &tokens, &positions, &lens, None, &head_rows)
    }

    /// Reads more of a prompt whose beginning is in `prefix`; imported graphs only.
    pub(in crate::model::language) fn read_on(
        &self,
        prefix: &KvCache,
        rest: &[u32],
    ) -> Result<Read> {
        match self {
            Decoder::Imported(session) => read_on(session, Some(prefix), rest),
            Decoder::External(_) => Err(unusable("it cannot continue a cache")),
        }
    }

    /// Appends one token to each row of the cache.
    pub(in crate::model::language) fn step(
        &self,
        tokens: &[u32],
        positions: &[u32],
        cache: &KvCache,
    ) -> Result<Read> {
        match self {
            Decoder::Imported(session) => {
                let lens = vec![1; tokens.len()];
                let head_rows: Vec<usize> = (0..tokens.len()).collect();
                run(session, tokens, positions, &lens, Some(cache), &head_rows)
            }
            Decoder::External(session) => session.run(tokens, positions, tokens.len(), Some(cache)),
        }
    }
}

/// Reads one prompt, or the rest of one, in passes of bounded size.
fn read_on(session: &DecoderSession, past: Option<&KvCache>, rest: &[u32]) -> Result<Read> {
    let mut read: Option<Read> = None;
    for piece in rest.chunks(PASS_TOKENS) {
        let past = read.as_ref().map(|read| &read.cache).or(past);
        let start = past.map_or(0, KvCache::width) as u32;
        let positions: Vec<u32> = (start..).take(piece.len()).collect();
        read = Some(run(
            session,
            piece,
            &positions,
            &[piece.len()],
            past,
            &[piece.len() - 1],
        )?);
    }
    read.ok_or_else(|| Error::invalid("the prompt is empty: give at least one word"))
}

fn run(
    session: &DecoderSession,
    tokens: &[u32],
    positions: &[u32],
    lens: &[usize],
    past: Option<&KvCache>,
    head_rows: &[usize],
) -> Result<Read> {
    let output = session.run(&DecoderInput {
        tokens,
        positions,
        lens,
        bias: None,
        past,
        head_rows,
        head_columns: &[],
        keep_present: true,
    })?;
    Ok(Read {
        cache: output.present.ok_or_else(|| unusable("it gave no cache"))?,
        logits: output.logits,
    })
}

/// A decoder graph as other exporters write it: `input_ids`, `attention_mask`, perhaps
/// `position_ids`, `past_key_values.*`; `logits` of every token, `present.*`.
#[derive(Debug)]
pub(in crate::model::language) struct ExternalSession {
    session: Mutex<Session>,
    shape: KvShape,
    has_positions: bool,
    cuda: Option<CudaOptions>,
    kv_device: Option<Arc<KvDevice>>,
}

impl ExternalSession {
    pub(in crate::model::language) fn open(
        path: &Path,
        options: &DecoderOptions,
    ) -> Result<ExternalSession> {
        let graph =
            regular_file::read(path, u64::MAX).map_err(|e| Error::io("reading", path, e))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let (session, cuda) = open_session(&|_| Ok(graph.clone()), folder, options)?;
        let shape = kv_shape(&session)?;
        let mut has_positions = false;
        for input in session.inputs() {
            match input.name() {
                "position_ids" => has_positions = true,
                "input_ids" | "attention_mask" => {}
                name if name.starts_with("past_key_values.") => {}
                name => return Err(unusable(&format!("it wants the unknown input {name:?}"))),
            }
        }
        Ok(ExternalSession {
            session: Mutex::new(session),
            shape,
            has_positions,
            cuda,
            kv_device: kv_device(shape, cuda, options)?,
        })
    }

    /// Reads prompts of one length.
    fn read(&self, prompts: &[&[u32]]) -> Result<Read> {
        let width = prompts.first().map_or(0, |prompt| prompt.len());
        if prompts.iter().any(|prompt| prompt.len() != width) {
            return Err(Error::invalid(
                "prompts of an external graph need one length",
            ));
        }
        let positions: Vec<u32> = prompts.iter().flat_map(|_| 0..width as u32).collect();
        self.run(&prompts.concat(), &positions, prompts.len(), None)
    }

    /// One pass of `rows` rows that are equally long, without padding.
    fn run(
        &self,
        tokens: &[u32],
        positions: &[u32],
        rows: usize,
        past: Option<&KvCache>,
    ) -> Result<Read> {
        let width = tokens.len() / rows.max(1);
        let empty;
        let past = match past {
            Some(past) => past,
            None => {
                empty = KvCache::empty(self.shape, rows)?;
                &empty
            }
        };
        let total = past.width() + width;
        let mut inputs: Vec<Input<'_>> = vec![
            ("input_ids".into(), wide([rows, width], tokens)?),
            (
                "attention_mask".into(),
                wide([rows, total], &vec![1; rows * total])?,
            ),
        ];
        if self.has_positions {
            inputs.push(("position_ids".into(), wide([rows, width], positions)?));
        }
        for (number, tensor) in past.tensors().iter().enumerate() {
            let name = self.name("past_key_values", number);
            inputs.push((name.into(), tensor.into()));
        }
        let numbers = 0..past.tensors().len();
        let names: Vec<String> = numbers.map(|n| self.name("present", n)).collect();
        let memory = Memory::of(self.cuda);
        let mut wanted = vec![("logits", Memory::Host)];
        wanted.extend(names.iter().map(|name| (name.as_str(), memory)));
        let outputs = run_bound(&mut self.session.lock(), &inputs, &wanted).map_err(failed)?;
        let mut outputs = outputs.into_iter();
        let logits = outputs
            .next()
            .ok_or_else(|| unusable("it gave no logits"))?;
        let logits = Logits::new(logits, rows * width)?.every(width);
        let tensors = outputs.map(float_tensor).collect::<Result<_>>()?;
        let (lens, device) = (vec![total; rows], self.kv_device.clone());
        Ok(Read {
            cache: KvCache::from_tensors(self.shape, lens, tensors, device)?,
            logits,
        })
    }

    fn name(&self, prefix: &str, number: usize) -> String {
        let kind = if number.is_multiple_of(2) {
            "key"
        } else {
            "value"
        };
        format!("{prefix}.{}.{kind}", number / 2)
    }
}
