//! GGUF files: settings, tokenizer and (mostly quantised) weights in one file.

mod blocks;
mod header;
mod tokenizer;

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use parking_lot::Mutex;

use super::decoder_config::{Architecture, DecoderConfig, RopeScaling};
use super::tensors::TensorSource;
use crate::Result;
use blocks::BlockFormat;
use header::{Header, wrong};

/// An open GGUF file.
pub struct Gguf<R> {
    header: Header,
    config: DecoderConfig,
    tensors: HashMap<String, Stored>,
    reader: Mutex<R>,
}

/// A tensor under its Hugging Face name.
struct Stored {
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
    pub fn open(mut reader: R) -> Result<Gguf<R>> {
        let io = |e: std::io::Error| {
            let message = format!("reading the GGUF file: {e}");
            crate::Error::with_source(crate::ErrorKind::Io, message, e)
        };
        let len_bytes = reader.seek(SeekFrom::End(0)).map_err(io)?;
        reader.seek(SeekFrom::Start(0)).map_err(io)?;
        let header = Header::read(std::io::BufReader::new(&mut reader), len_bytes)?;
        let mut config = config(&header)?;
        let mut tensors = HashMap::new();
        for (name, info) in &header.tensors {
            let Some(known) = hugging_face_name(name) else {
                continue;
            };
            let Some(format) = blocks::format(info.format) else {
                return Err(wrong(format!(
                    "the tensor {name} is stored in the format number {}, which is not supported \
                     (F32, F16, BF16, Q4_0 to Q8_0 and Q2_K to Q6_K are)",
                    info.format
                )));
            };
            let stored = Stored {
                shape: info.shape.clone(),
                offset_bytes: info.offset_bytes,
                interleaved_head: (config.architecture == Architecture::Llama
                    && (known.contains(".q_proj.") || known.contains(".k_proj.")))
                .then_some(config.head_dim),
                format,
            };
            let ends = stored
                .row_bytes()
                .and_then(|bytes| bytes.checked_mul(*stored.shape.first()? as u64))
                .and_then(|bytes| bytes.checked_add(stored.offset_bytes));
            match ends {
                None => {
                    return Err(wrong(format!(
                        "rows of the tensor {name}, of shape {:?}, are no whole blocks of {}",
                        stored.shape, stored.format.name
                    )));
                }
                Some(end) if end > len_bytes => {
                    return Err(wrong(format!(
                        "it is truncated: the tensor {name} ends at byte {end}, the file at \
                         {len_bytes}"
                    )));
                }
                Some(_) => {}
            }
            tensors.insert(known, stored);
        }
        config.tied_head = !tensors.contains_key("lm_head.weight");
        let mut gguf = Gguf {
            header,
            config,
            tensors,
            reader: Mutex::new(reader),
        };
        gguf.read_rope_divisors()?;
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
        let token = |name: &str| -> Result<Option<u32>> {
            let name = format!("tokenizer.ggml.{name}_token_id");
            match header.count(&name)? {
                Some(id) if id < self.config.vocab => Ok(u32::try_from(id).ok()),
                Some(id) => Err(wrong(format!("its {name} is {id}, behind the vocabulary"))),
                None => Ok(None),
            }
        };
        let mut ends: Vec<u32> = [token("eos")?, token("eot")?, token("eom")?]
            .into_iter()
            .flatten()
            .collect();
        ends.sort_unstable();
        ends.dedup();
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Ok(GgufTexts {
            name: owned(header.text("general.name")?),
            chat_template: owned(header.text("tokenizer.chat_template")?),
            bos_token_id: token("bos")?,
            eos_token_ids: ends,
        })
    }

    /// Llama 3's scaling comes as a tensor of divisors.
    fn read_rope_divisors(&mut self) -> Result<()> {
        if let Some(shape) = self.shape(ROPE_DIVISORS) {
            let mut divisors = vec![0.0; shape.iter().product()];
            let rows = shape.first().copied().unwrap_or(0);
            self.read_rows(ROPE_DIVISORS, 0..rows, &mut divisors)?;
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
        let mut reader = self.reader.lock();
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
        Err(wrong("a weight is not a finite number"))
    }
}

impl Stored {
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

/// The decoder's shape; whether the head is tied is not known yet.
fn config(header: &Header) -> Result<DecoderConfig> {
    let name = header.text("general.architecture")?;
    let name = name.ok_or_else(|| wrong("it does not name its architecture"))?;
    let architecture = Architecture::from_name(name)?;
    let key = |part: &str| format!("{name}.{part}");
    let optional = |part: &str| header.count(&key(part));
    let count = |part: &str| {
        optional(part)?.ok_or_else(|| wrong(format!("it has no setting {}", key(part))))
    };
    if optional("expert_count")?.is_some_and(|experts| experts > 0) {
        return Err(wrong(
            "it is a mixture of experts, which cannot be imported",
        ));
    }
    let (hidden, heads) = (count("embedding_length")?, count("attention.head_count")?);
    let head_dim = match optional("attention.key_length")? {
        Some(dim) => dim,
        None => hidden.checked_div(heads).unwrap_or(0),
    };
    let equal_to_head = |part: &str| -> Result<()> {
        match optional(part)? {
            Some(dim) if dim != head_dim => Err(wrong(format!(
                "its {} is {dim} where heads have {head_dim}",
                key(part)
            ))),
            _ => Ok(()),
        }
    };
    equal_to_head("attention.value_length")?;
    equal_to_head("rope.dimension_count")?;
    let scaling = header.text(&key("rope.scaling.type"))?;
    let rope_scaling = match scaling.unwrap_or("none") {
        "none" => RopeScaling::None,
        "linear" => RopeScaling::Linear {
            factor: header.number(&key("rope.scaling.factor"))?.unwrap_or(1.0),
        },
        other => {
            return Err(wrong(format!(
                "its rotary scaling {other:?} is not supported"
            )));
        }
    };
    let vocab = match header.tensors.get("token_embd.weight") {
        Some(info) => info.shape.first().copied().unwrap_or(0),
        None => return Err(wrong("it has no tensor token_embd.weight")),
    };
    // Up to the window, attention within it is attention to everything.
    let window = optional("attention.sliding_window")?.filter(|window| *window > 0);
    let context = count("context_length")?;
    Ok(DecoderConfig {
        architecture,
        hidden,
        layers: count("block_count")?,
        heads,
        kv_heads: optional("attention.head_count_kv")?.unwrap_or(heads),
        head_dim,
        feed_forward: count("feed_forward_length")?,
        vocab,
        max_positions: window.map_or(context, |window| window.min(context)),
        rms_norm_epsilon: header
            .number(&key("attention.layer_norm_rms_epsilon"))?
            .ok_or_else(|| wrong("it has no epsilon of the norms"))?
            as f32,
        rope_theta: header.number(&key("rope.freq_base"))?.unwrap_or(10_000.0),
        rope_scaling,
        tied_head: false,
    })
}
