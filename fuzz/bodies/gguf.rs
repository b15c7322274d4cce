//! A GGUF file: its header, as fuzzed, and zeros for the weights behind it.
//!
//! Input: the header. What opens is read to the end: settings, tokenizer, rows of tensors.

use std::io::{self, Read, Seek, SeekFrom};

use zerogr::raw::convert::gguf::Gguf;
use zerogr::raw::convert::{Architecture, DecoderConfig, RandomTensors, TensorSource};

use super::support::checkpoints::{FAMILIES, GgufFile, gguf, small};

/// Zeros behind the input: room for the weights of a small model.
const WEIGHT_BYTES: u64 = 1 << 20;

/// More rows of a tensor are not read.
const MAX_ROWS: usize = 4;

/// An input with zeros behind it.
struct Extended<'a> {
    header: &'a [u8],
    at: u64,
}

impl Extended<'_> {
    fn len(&self) -> u64 {
        self.header.len() as u64 + WEIGHT_BYTES
    }
}

impl Read for Extended<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len().saturating_sub(self.at)).unwrap();
        let count = to.len().min(left);
        let start = usize::try_from(self.at).unwrap().min(self.header.len());
        for (at, byte) in to[..count].iter_mut().enumerate() {
            *byte = self.header.get(start + at).copied().unwrap_or(0);
        }
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Extended<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

pub fn run(data: &[u8]) {
    let file = Extended {
        header: data,
        at: 0,
    };
    let Ok(gguf) = Gguf::open(file) else {
        return;
    };
    let _ = (gguf.tokenizer_json(), gguf.texts());
    for name in gguf.names() {
        let Some(shape) = gguf.shape(&name) else {
            continue;
        };
        let rows = shape.first().copied().unwrap_or(0).min(MAX_ROWS);
        let width: usize = shape.iter().skip(1).product();
        let mut values = vec![0.0; rows * width];
        let _ = gguf.read_rows(&name, 0..rows, &mut values);
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let of = |config: &DecoderConfig| gguf(config, &RandomTensors::new(config.clone(), 1));
    let header = |file: &GgufFile| {
        let (bytes, header_len) = file.bytes();
        bytes[..header_len].to_vec()
    };
    let mut seeds: Vec<Vec<u8>> = FAMILIES.map(|family| header(&of(&small(family)))).to_vec();
    let base = of(&small(Architecture::Llama));
    let mut change = |change: &dyn Fn(&mut GgufFile)| {
        let mut file = base.clone();
        change(&mut file);
        seeds.push(header(&file));
    };
    for setting in [
        "general.architecture",
        "llama.block_count",
        "llama.attention.head_count",
        "tokenizer.ggml.tokens",
        "tokenizer.ggml.merges",
        "token_embd.weight",
        "output_norm.weight",
    ] {
        change(&|file| _ = file.without(setting));
    }
    for (setting, value) in [
        ("llama.block_count", 1 << 20),
        ("llama.embedding_length", 0),
        ("llama.attention.head_count_kv", 3),
        ("llama.attention.key_length", 1 << 31),
        ("tokenizer.ggml.eos_token_id", 1 << 30),
    ] {
        change(&|file| _ = file.count(setting, value));
    }
    change(&|file| _ = file.text("tokenizer.ggml.model", "llama"));
    change(&|file| _ = file.texts("tokenizer.ggml.merges", &["a b".into(), "ab".into()]));
    change(&|file| _ = file.integers("tokenizer.ggml.token_type", &[7, -1]));
    change(&|file| file.shift = u64::MAX - 31);
    change(&|file| file.more_tensors = 1 << 60);
    seeds
}
