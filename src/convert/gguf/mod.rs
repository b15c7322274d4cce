//! GGUF files: settings, tokenizer and (mostly quantised) weights in one file, or in several that
//! each have a header, of which the first has the settings.

mod blocks;
mod config;
mod header;
pub(super) mod keys;
mod tokenizer;

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use parking_lot::Mutex;

use super::checkpoint::decoder_config::{Architecture, Biases, DecoderConfig, RopeScaling};
use super::checkpoint::layout::HEAD;
use super::checkpoint::tensors::TensorSource;
use crate::Result;
use blocks::BlockFormat;
use config::config;
use header::{Header, TensorInfo, unusable, wrong};

/// An open GGUF file.
pub struct Gguf<R> {
    header: Header,
    config: DecoderConfig,
    tensors: HashMap<String, Stored>,
    /// Names of tensors that no decoder built here has.
    unknown: Vec<String>,
    /// The file, or its parts.
    readers: Vec<Mutex<R>>,
}

/// A tensor under its Hugging Face name.
struct Stored {
    name_in_file: String,
    /// Which of the parts it is in.
    part: usize,
    shape: Vec<usize>,
    offset_bytes: u64,
    format: BlockFormat,
    /// Width of the heads whose rows are interleaved, if they are.
    interleaved_head: Option<usize>,
}

/// What the settings say of texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GgufTexts {
    /// The model's name.
    pub name: Option<String>,
    /// The chat template.
    pub chat_template: Option<String>,
    /// The token that starts a text.
    pub bos_token_id: Option<u32>,
    /// The tokens that end an output.
    pub eos_token_ids: Vec<u32>,
}

impl<R: Read + Seek> Gguf<R> {
    /// Reads the header, and checks that every tensor of the decoder lies in the file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) when it is no GGUF file, damaged, of an
    /// architecture that cannot be imported, or stored in a format that cannot be read.
    pub fn open(reader: R) -> Result<Gguf<R>> {
        Self::open_parts(vec![reader])
    }

    /// The same for a file that was split into parts, in their order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) when a part is no GGUF file, damaged, of an
    /// architecture that cannot be imported, or stored in a format that cannot be read, and when
    /// these are not all parts of one file; a failure of I/O.
    pub fn open_parts(readers: Vec<R>) -> Result<Gguf<R>> {
        let io = |e: std::io::Error| crate::Error::of_io(format!("reading the GGUF file: {e}"), e);
        let (mut headers, mut lens_bytes, mut opened) = (Vec::new(), Vec::new(), Vec::new());
        for mut reader in readers {
            let len_bytes = reader.seek(SeekFrom::End(0)).map_err(io)?;
            reader.seek(SeekFrom::Start(0)).map_err(io)?;
            let buffered = std::io::BufReader::new(&mut reader);
            headers.push(Header::read(buffered, len_bytes)?);
            lens_bytes.push(len_bytes);
            opened.push(Mutex::new(reader));
        }
        let header = Header::joined(headers)?;
        let mut config = config(&header)?;
        let mut tensors = HashMap::new();
        let mut unknown = Vec::new();
        for (name, info) in &header.tensors {
            match hugging_face_name(name) {
                Some(known) => {
                    let len_bytes = lens_bytes.get(info.part).copied().unwrap_or(0);
                    let is_turned = config.architecture == Architecture::Llama
                        && (known.contains(".q_proj.") || known.contains(".k_proj."));
                    let interleaved_head = is_turned.then_some(config.head_dim);
                    let stored = Stored::of(name, info, interleaved_head, len_bytes)?;
                    tensors.insert(known, stored);
                }
                None => unknown.push(name.clone()),
            }
        }
        config.tied_head = !tensors.contains_key(HEAD);
        let mut gguf = Gguf {
            header,
            config,
            tensors,
            unknown,
            readers: opened,
        };
        gguf.read_rope_divisors()?;
        gguf.config.biases = Biases::in_tensors(&gguf);
        gguf.config.biases.qkv |= gguf.config.architecture == Architecture::Qwen2;
        gguf.config.check()?;
        Ok(gguf)
    }

    /// The decoder's shape.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// The tokenizer in the format of `tokenizer.json`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) when there is none, or one of a kind that
    /// is not known.
    pub fn tokenizer_json(&self) -> Result<Vec<u8>> {
        tokenizer::tokenizer_json(&self.header)
    }

    /// What the settings say of texts.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) when a setting is of the wrong type.
    pub fn texts(&self) -> Result<GgufTexts> {
        let header = &self.header;
        let vocab = self.config.vocab;
        let behind = |name: &str, id: &dyn std::fmt::Display| {
            wrong(format!("its {name} is {id}, behind the vocabulary"))
        };
        let token = |name: &str| -> Result<Option<u32>> {
            match header.count(&format!("tokenizer.ggml.{name}"))? {
                Some(id) if id < vocab => Ok(u32::try_from(id).ok()),
                Some(id) => Err(behind(name, &id)),
                None => Ok(None),
            }
        };
        // Some files have a number behind the vocabulary for "none"; it stands in no prompt.
        header.count("tokenizer.ggml.unknown_token_id")?;
        let by_default = |id: usize| tokenizer::is_sentence_piece(header).then_some(id);
        let default = |id: usize| by_default(id).filter(|id| *id < vocab).map(|id| id as u32);
        let mut ends = vec![token("eos_token_id")?.or(default(tokenizer::DEFAULT_EOS))];
        ends.extend([token("eot_token_id")?, token("eom_token_id")?]);
        let mut eos_token_ids: Vec<u32> = ends.into_iter().flatten().collect();
        for name in ["eos_token_ids", "eog_token_ids"] {
            let list = header.integers(&format!("tokenizer.ggml.{name}"))?;
            for id in list.unwrap_or_default() {
                let known = u32::try_from(*id).ok().filter(|id| (*id as usize) < vocab);
                eos_token_ids.push(known.ok_or_else(|| behind(name, id))?);
            }
        }
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Ok(GgufTexts {
            name: owned(header.text("general.name")?),
            chat_template: owned(header.text("tokenizer.chat_template")?),
            bos_token_id: token("bos_token_id")?.or(default(tokenizer::DEFAULT_BOS)),
            eos_token_ids,
        })
    }

    /// Llama 3's scaling comes as a tensor of divisors, beside which a factor may stand.
    fn read_rope_divisors(&mut self) -> Result<()> {
        if let Some(shape) = self.shape(ROPE_DIVISORS) {
            let mut divisors = vec![0.0; shape.iter().product()];
            let rows = shape.first().copied().unwrap_or(0);
            self.read_rows(ROPE_DIVISORS, 0..rows, &mut divisors)?;
            self.tensors.remove(ROPE_DIVISORS);
            if let RopeScaling::Linear { factor } = self.config.rope_scaling {
                divisors
                    .iter_mut()
                    .for_each(|divisor| *divisor *= factor as f32);
            }
            self.config.rope_scaling = RopeScaling::Divisors(divisors);
        }
        Ok(())
    }

    /// Reads and decodes one stored row.
    fn read_row(
        &self,
        stored: &Stored,
        row: usize,
        bytes: &mut [u8],
        to: &mut [f32],
    ) -> Result<()> {
        let offset = stored.offset_bytes + row as u64 * bytes.len() as u64;
        let reader = self.readers.get(stored.part);
        let mut reader = reader
            .ok_or_else(|| wrong("a part of it is missing"))?
            .lock();
        let read = reader
            .seek(SeekFrom::Start(offset))
            .and_then(|_| reader.read_exact(bytes));
        read.map_err(|e| wrong(format!("reading a tensor failed: {e}")))?;
        drop(reader);
        let blocks = bytes.chunks_exact(stored.format.bytes);
        for (block, to) in blocks.zip(to.chunks_exact_mut(stored.format.values)) {
            (stored.format.decode)(block, to);
        }
        if to.iter().all(|value| value.is_finite()) {
            return Ok(());
        }
        Err(wrong(format!(
            "the tensor {} has a value that is not a finite number",
            stored.name_in_file
        )))
    }
}

impl Stored {
    /// A tensor in a file of `len_bytes`, which must hold all of it.
    fn of(
        name: &str,
        info: &TensorInfo,
        interleaved_head: Option<usize>,
        len_bytes: u64,
    ) -> Result<Stored> {
        let Some(format) = blocks::format(info.format) else {
            let format = blocks::name_of_unsupported(info.format);
            return Err(unusable(format!(
                "the tensor {name} is stored in the format {format}, which is not supported (F32, \
                 F16, BF16, Q4_0 to Q8_0 and Q2_K to Q6_K are)"
            )));
        };
        let stored = Stored {
            name_in_file: name.to_owned(),
            part: info.part,
            shape: info.shape.clone(),
            offset_bytes: info.offset_bytes,
            format,
            interleaved_head,
        };
        let rows = stored.shape.first().copied().unwrap_or(0) as u64;
        let bytes = stored.row_bytes().and_then(|bytes| bytes.checked_mul(rows));
        match bytes.and_then(|bytes| bytes.checked_add(stored.offset_bytes)) {
            None => Err(wrong(format!(
                "rows of the tensor {name}, of shape {:?}, are no whole blocks of {}",
                stored.shape, stored.format.name
            ))),
            Some(end) if end > len_bytes => Err(wrong(format!(
                "it is truncated: the tensor {name} ends at byte {end}, the file at {len_bytes}"
            ))),
            Some(_) => Ok(stored),
        }
    }

    /// Values in a row; of a vector 1.
    fn width(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// Bytes of a row, or `None` if it is no whole number of blocks.
    fn row_bytes(&self) -> Option<u64> {
        let width = self.width();
        if !width.is_multiple_of(self.format.values) {
            return None;
        }
        let blocks = (width / self.format.values) as u64;
        blocks.checked_mul(self.format.bytes as u64)
    }

    /// Where a row of the Hugging Face order lies. GGUF has the two halves of a head interleaved.
    fn stored_row(&self, row: usize) -> usize {
        let Some(head) = self.interleaved_head else {
            return row;
        };
        let (start, within) = (row - row % head, row % head);
        let (half, pair) = (within / (head / 2), within % (head / 2));
        start + 2 * pair + half
    }
}

impl<R: Read + Seek> TensorSource for Gguf<R> {
    fn names(&self) -> Vec<String> {
        self.tensors.keys().chain(&self.unknown).cloned().collect()
    }

    fn name_in_file(&self, name: &str) -> String {
        let stored = self.tensors.get(name);
        stored
            .map_or(name, |stored| &stored.name_in_file)
            .to_owned()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.tensors.get(name).map(|stored| stored.shape.clone())
    }

    fn read_rows(&self, name: &str, rows: Range<usize>, to: &mut [f32]) -> Result<()> {
        let stored = self.tensors.get(name);
        let stored = stored.ok_or_else(|| wrong(format!("it has no tensor {name}")))?;
        let row_bytes = stored.row_bytes().and_then(|n| usize::try_from(n).ok());
        let mut bytes = vec![0; row_bytes.unwrap_or(0)];
        for (row, to) in rows.zip(to.chunks_exact_mut(stored.width().max(1))) {
            self.read_row(stored, stored.stored_row(row), &mut bytes, to)?;
        }
        Ok(())
    }
}

/// Our name of the divisors of the rotary frequencies.
const ROPE_DIVISORS: &str = "rope_divisors";

/// The Hugging Face name of a GGUF tensor, if a decoder has it.
fn hugging_face_name(name: &str) -> Option<String> {
    let whole = match name {
        "token_embd.weight" => "model.embed_tokens.weight",
        "output_norm.weight" => "model.norm.weight",
        "output.weight" => "lm_head.weight",
        "rope_freqs.weight" => ROPE_DIVISORS,
        _ => {
            let (layer, rest) = name.strip_prefix("blk.")?.split_once('.')?;
            let (module, kind) = rest.rsplit_once('.')?;
            let module = match module {
                "attn_norm" => "input_layernorm",
                "attn_q" => "self_attn.q_proj",
                "attn_k" => "self_attn.k_proj",
                "attn_v" => "self_attn.v_proj",
                "attn_q_norm" => "self_attn.q_norm",
                "attn_k_norm" => "self_attn.k_norm",
                "attn_output" => "self_attn.o_proj",
                "ffn_norm" => "post_attention_layernorm",
                "ffn_gate" => "mlp.gate_proj",
                "ffn_up" => "mlp.up_proj",
                "ffn_down" => "mlp.down_proj",
                _ => return None,
            };
            return Some(format!("model.layers.{layer}.{module}.{kind}"));
        }
    };
    Some(whole.to_owned())
}
