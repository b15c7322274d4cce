//! An encoder that remembers every text it has seen, so that the second index of a collection
//! costs only what is new in it.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions as FileOptions};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use half::f16;
use zerogr::raw::model::Encoder;
use zerogr::{DocidTokenizer, EachText, Result, TextEncoder, TokenVectors};

type Vectors = HashMap<(usize, String), Vec<f32>>;

type Tokens = HashMap<(usize, String), KnownTokens>;

/// The tokens of a text and what is known of them.
struct KnownTokens {
    tokens: Vec<u32>,
    vectors: Vec<f16>,
    query_weights: Vec<f32>,
    document_weights: Vec<f32>,
}

/// An encoder that remembers, in memory and in files.
pub struct Remembering {
    encoder: Arc<Encoder>,
    path: PathBuf,
    known: Mutex<Vectors>,
    known_tokens: Mutex<Tokens>,
}

impl Remembering {
    /// Keeps what `encoder` says in files at `path`, with extensions of its own.
    pub fn open(encoder: Arc<Encoder>, path: PathBuf) -> Self {
        let dim = encoder.dim();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{name}-{:.8}", encoder.fingerprint());
        let path = path.with_file_name(name);
        let mut known = Vectors::new();
        if let (Ok(texts), Ok(values)) = (
            fs::read_to_string(path.with_extension("jsonl")),
            fs::read(path.with_extension("f32")),
        ) {
            let rows = values.chunks_exact(dim * 4);
            for (line, row) in texts.lines().zip(rows) {
                let value = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().unwrap());
                let row: Vec<f32> = row.chunks_exact(4).map(value).collect();
                known.insert(serde_json::from_str(line).unwrap(), row);
            }
        }
        let mut known_tokens = Tokens::new();
        if let (Ok(texts), Ok(values)) = (
            fs::read_to_string(path.with_extension("tokens.jsonl")),
            fs::read(path.with_extension("f16")),
        ) {
            let mut values = values
                .chunks_exact(2)
                .map(|bytes| f16::from_le_bytes(bytes.try_into().unwrap()));
            for line in texts.lines() {
                let (key, tokens, [query_weights, document_weights]): (_, Vec<u32>, _) =
                    serde_json::from_str(line).unwrap();
                let vectors = values.by_ref().take(tokens.len() * dim).collect();
                let known = KnownTokens {
                    tokens,
                    vectors,
                    query_weights,
                    document_weights,
                };
                known_tokens.insert(key, known);
            }
        }
        Remembering {
            encoder,
            path,
            known: Mutex::new(known),
            known_tokens: Mutex::new(known_tokens),
        }
    }

    fn remember(&self, known: &mut Vectors, limit: usize, texts: &[&str], vectors: &[f32]) {
        let (mut lines, mut rows) = (self.append("jsonl"), self.append("f32"));
        for (text, row) in texts.iter().zip(vectors.chunks(self.dim())) {
            let key = (limit, (*text).to_owned());
            if known.contains_key(&key) {
                continue;
            }
            writeln!(lines, "{}", serde_json::to_string(&key).unwrap()).unwrap();
            for value in row {
                rows.write_all(&value.to_le_bytes()).unwrap();
            }
            known.insert(key, row.to_vec());
        }
    }

    fn append(&self, extension: &str) -> BufWriter<File> {
        let mut options = FileOptions::new();
        let file = options.create(true).append(true);
        BufWriter::new(file.open(self.path.with_extension(extension)).unwrap())
    }
}

impl TextEncoder for Remembering {
    fn dim(&self) -> usize {
        self.encoder.dim()
    }

    fn fingerprint(&self) -> String {
        self.encoder.fingerprint().to_owned()
    }

    fn tokenizer(&self) -> &dyn DocidTokenizer {
        self.encoder.tokenizer()
    }

    fn encode(
        &self,
        texts: &[&str],
        max_len_tokens: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
    ) -> Result<Vec<f32>> {
        let mut known = self.known.lock().unwrap();
        let mut new: Vec<&str> = texts.to_vec();
        new.retain(|text| !known.contains_key(&(max_len_tokens, (*text).to_owned())));
        new.sort_unstable();
        new.dedup();
        let vectors = self.encoder.encode(&new, max_len_tokens, progress)?;
        self.remember(&mut known, max_len_tokens, &new, &vectors);
        let mut found = Vec::with_capacity(texts.len() * self.dim());
        for text in texts {
            found.extend_from_slice(&known[&(max_len_tokens, (*text).to_owned())]);
        }
        Ok(found)
    }

    fn prompt_tokens(&self, prompt: &str) -> Result<usize> {
        self.encoder.prompt_tokens(prompt)
    }

    fn has_token_vectors(&self) -> bool {
        true
    }

    fn encode_tokens(
        &self,
        texts: &[&str],
        max_len_tokens: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
        each: EachText<'_>,
    ) -> Result<Vec<f32>> {
        let mut known = self.known_tokens.lock().unwrap();
        let mut new: Vec<&str> = texts.to_vec();
        new.retain(|text| !known.contains_key(&(max_len_tokens, (*text).to_owned())));
        new.sort_unstable();
        new.dedup();
        let files = Mutex::new((self.append("tokens.jsonl"), self.append("f16")));
        let made = Mutex::new(Vec::new());
        let encoder: &dyn TextEncoder = &*self.encoder;
        let vectors = encoder.encode_tokens(&new, max_len_tokens, progress, &|number, text| {
            let key = (max_len_tokens, new[number].to_owned());
            let weights = [text.query_weights, text.document_weights];
            let line = serde_json::to_string(&(&key, text.tokens, weights)).unwrap();
            let half: Vec<f16> = text.vectors.iter().copied().map(f16::from_f32).collect();
            let (lines, rows) = &mut *files.lock().unwrap();
            writeln!(lines, "{line}").unwrap();
            for value in &half {
                rows.write_all(&value.to_le_bytes()).unwrap();
            }
            let text = KnownTokens {
                tokens: text.tokens.to_vec(),
                vectors: half,
                query_weights: text.query_weights.to_vec(),
                document_weights: text.document_weights.to_vec(),
            };
            made.lock().unwrap().push((key, text));
        })?;
        known.extend(made.into_inner().unwrap());
        self.remember(
            &mut self.known.lock().unwrap(),
            max_len_tokens,
            &new,
            &vectors,
        );
        for (number, text) in texts.iter().enumerate() {
            let text = &known[&(max_len_tokens, (*text).to_owned())];
            let vectors: Vec<f32> = text.vectors.iter().map(|value| value.to_f32()).collect();
            let text = TokenVectors {
                tokens: &text.tokens,
                vectors: &vectors,
                query_weights: &text.query_weights,
                document_weights: &text.document_weights,
            };
            each(number, text);
        }
        self.encode(texts, max_len_tokens, progress)
    }
}
