//! An encoder that remembers every text it has seen, so that the second index of a collection
//! costs only what is new in it.

use std::collections::HashMap;
use std::fs::{self, OpenOptions as FileOptions};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use zerogr::model::Encoder;
use zerogr::{DocidTokenizer, Result, TextEncoder};

type Vectors = HashMap<(usize, String), Vec<f32>>;

/// An encoder that remembers, in memory and in two files.
pub struct Remembering {
    encoder: Arc<Encoder>,
    path: PathBuf,
    known: Mutex<Vectors>,
}

impl Remembering {
    /// Keeps what `encoder` says in `path` with the extensions `jsonl` and `f32`.
    pub fn open(encoder: Arc<Encoder>, path: PathBuf) -> Self {
        let dim = encoder.dim();
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
        Remembering {
            encoder,
            path,
            known: Mutex::new(known),
        }
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
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Vec<f32>> {
        let mut known = self.known.lock().unwrap();
        let mut new: Vec<&str> = texts.to_vec();
        new.retain(|text| !known.contains_key(&(max_len_tokens, (*text).to_owned())));
        new.sort_unstable();
        new.dedup();
        let append = |extension| {
            let mut options = FileOptions::new();
            let file = options.create(true).append(true);
            BufWriter::new(file.open(self.path.with_extension(extension)).unwrap())
        };
        let (mut lines, mut rows) = (append("jsonl"), append("f32"));
        let vectors = self.encoder.encode(&new, max_len_tokens, progress)?;
        for (text, row) in new.iter().zip(vectors.chunks(self.dim())) {
            let key = (max_len_tokens, (*text).to_owned());
            writeln!(lines, "{}", serde_json::to_string(&key).unwrap()).unwrap();
            for value in row {
                rows.write_all(&value.to_le_bytes()).unwrap();
            }
            known.insert(key, row.to_vec());
        }
        let mut found = Vec::with_capacity(texts.len() * self.dim());
        for text in texts {
            found.extend_from_slice(&known[&(max_len_tokens, (*text).to_owned())]);
        }
        Ok(found)
    }
}
