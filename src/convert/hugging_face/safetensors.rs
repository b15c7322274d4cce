//! Safetensors: one file or several, read a few rows at a time.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use parking_lot::Mutex;
use safetensors::Dtype;
use safetensors::tensor::Metadata;

use crate::convert::checkpoint::files;
use crate::convert::checkpoint::tensors::TensorSource;
use crate::{Error, ErrorKind, Result};

/// A file of one piece.
pub(super) const SINGLE_FILE: &str = "model.safetensors";
/// Which tensor is in which of several files.
pub(super) const INDEX_FILE: &str = "model.safetensors.index.json";
/// The longest header that the format allows.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// The tensors of a folder.
pub(in crate::convert) struct SafetensorsFolder {
    tensors: HashMap<String, Stored>,
    files: Vec<PathBuf>,
    readers: Vec<Mutex<File>>,
}

struct Stored {
    file: usize,
    shape: Vec<usize>,
    dtype: Dtype,
    offset_bytes: u64,
}

impl SafetensorsFolder {
    /// Opens `model.safetensors` of `dir`, or the files that `model.safetensors.index.json` names.
    /// `None` if the folder has neither.
    pub fn open(dir: &Path) -> Result<Option<SafetensorsFolder>> {
        let names = if dir.join(SINGLE_FILE).is_file() {
            vec![SINGLE_FILE.to_owned()]
        } else if dir.join(INDEX_FILE).is_file() {
            shards(dir)?
        } else {
            return Ok(None);
        };
        let mut folder = SafetensorsFolder {
            tensors: HashMap::new(),
            files: Vec::new(),
            readers: Vec::new(),
        };
        for name in names {
            folder.add(dir.join(name))?;
        }
        Ok(Some(folder))
    }

    /// The files, in the order of their names.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// All of a tensor of integers.
    pub fn read_integers(&self, name: &str) -> Result<Vec<i64>> {
        let (stored, path) = self.stored(name)?;
        let value_bytes = match stored.dtype {
            Dtype::I64 => 8,
            Dtype::I32 => 4,
            other => {
                let what = format!("{name} is stored as {other:?}, not as integers");
                return Err(wrong(path, &what));
            }
        };
        let count = stored.shape.iter().product::<usize>();
        let bytes = self.read_bytes(stored, 0, count.saturating_mul(value_bytes))?;
        let values = bytes.chunks_exact(value_bytes);
        let integer = |bytes: &[u8]| match bytes.try_into() {
            Ok(bytes) => i64::from_le_bytes(bytes),
            Err(_) => i32::from_le_bytes(bytes.try_into().unwrap_or([0; 4])).into(),
        };
        Ok(values.map(integer).collect())
    }

    /// What is known of a tensor, and its file.
    fn stored(&self, name: &str) -> Result<(&Stored, &Path)> {
        let found = self.tensors.get(name);
        let found = found.and_then(|stored| Some((stored, self.files.get(stored.file)?.as_path())));
        found.ok_or_else(|| Error::new(ErrorKind::Model, format!("there is no tensor {name}")))
    }

    /// `count` bytes of a tensor from `offset` on.
    fn read_bytes(&self, stored: &Stored, offset: u64, count: usize) -> Result<Vec<u8>> {
        let (Some(path), Some(reader)) =
            (self.files.get(stored.file), self.readers.get(stored.file))
        else {
            return Err(Error::new(ErrorKind::Model, "a file of the model is gone"));
        };
        let mut bytes = vec![0; count];
        let mut file = reader.lock();
        let read = file
            .seek(SeekFrom::Start(stored.offset_bytes.saturating_add(offset)))
            .and_then(|_| file.read_exact(&mut bytes));
        read.map_err(|e| Error::io("reading", path, e))?;
        Ok(bytes)
    }

    fn add(&mut self, path: PathBuf) -> Result<()> {
        let io = |e: std::io::Error| Error::io("reading", &path, e);
        let mut file = files::open(&path)?;
        let len_bytes = file.metadata().map_err(io)?.len();
        let mut prefix = [0; 8];
        let truncated = || wrong(&path, "it is truncated");
        file.read_exact(&mut prefix).map_err(|_| truncated())?;
        let header_bytes = u64::from_le_bytes(prefix);
        if header_bytes > MAX_HEADER_BYTES || header_bytes > len_bytes.saturating_sub(8) {
            return Err(wrong(
                &path,
                &format!("its header claims {header_bytes} bytes"),
            ));
        }
        let mut header = vec![0; header_bytes as usize];
        file.read_exact(&mut header).map_err(|_| truncated())?;
        let metadata: Metadata =
            serde_json::from_slice(&header).map_err(|e| wrong(&path, &e.to_string()))?;
        let start = 8 + header_bytes;
        for (name, info) in metadata.tensors() {
            let (from, to) = info.data_offsets;
            if start + to as u64 > len_bytes {
                let what = format!("it is truncated: {name} ends behind its end");
                return Err(wrong(&path, &what));
            }
            let stored = Stored {
                file: self.files.len(),
                shape: info.shape.clone(),
                dtype: info.dtype,
                offset_bytes: start + from as u64,
            };
            if self.tensors.insert(name.clone(), stored).is_some() {
                return Err(wrong(&path, &format!("{name} is in another file, too")));
            }
        }
        self.files.push(path);
        self.readers.push(Mutex::new(file));
        Ok(())
    }
}

impl TensorSource for SafetensorsFolder {
    fn names(&self) -> Vec<String> {
        self.tensors.keys().cloned().collect()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.tensors.get(name).map(|stored| stored.shape.clone())
    }

    fn read_rows(&self, name: &str, rows: Range<usize>, to: &mut [f32]) -> Result<()> {
        let (stored, path) = self.stored(name)?;
        let width: usize = stored.shape.iter().skip(1).product();
        let value_bytes = match stored.dtype {
            Dtype::F64 => 8,
            Dtype::F32 => 4,
            Dtype::F16 | Dtype::BF16 => 2,
            other => {
                let what = format!(
                    "{name} is stored as {other:?}; f64, f32, f16 and bf16 can be read: import a \
                     version of the model that is not quantised"
                );
                return Err(wrong(path, &what));
            }
        };
        let offset = (rows.start * width * value_bytes) as u64;
        let bytes = self.read_bytes(stored, offset, to.len() * value_bytes)?;
        let pair = |bytes: &[u8]| bytes.try_into().unwrap_or([0; 2]);
        for (to, bytes) in to.iter_mut().zip(bytes.chunks_exact(value_bytes)) {
            *to = match stored.dtype {
                Dtype::F16 => f16::from_le_bytes(pair(bytes)).to_f32(),
                Dtype::BF16 => bf16::from_le_bytes(pair(bytes)).to_f32(),
                Dtype::F64 => f64::from_le_bytes(bytes.try_into().unwrap_or([0; 8])) as f32,
                _ => f32::from_le_bytes(bytes.try_into().unwrap_or([0; 4])),
            };
        }
        if to.iter().all(|value| value.is_finite()) {
            return Ok(());
        }
        Err(wrong(
            path,
            &format!("{name} has a value that is not a finite number"),
        ))
    }
}

/// The files that the index of a folder names, sorted. None may be outside the folder.
fn shards(dir: &Path) -> Result<Vec<String>> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: HashMap<String, String>,
    }
    let path = &dir.join(INDEX_FILE);
    let bytes = files::read_if_present(path)?.unwrap_or_default();
    let index: Index = serde_json::from_slice(&bytes).map_err(|e| wrong(path, &e.to_string()))?;
    let mut names: Vec<String> = index.weight_map.into_values().collect();
    names.sort();
    names.dedup();
    for name in &names {
        if Path::new(name).file_name() != Some(name.as_ref()) {
            return Err(wrong(path, &format!("{name:?} is no file of the folder")));
        }
    }
    match names.iter().find(|name| !dir.join(name).exists()) {
        Some(missing) => {
            let count = names.len();
            let what =
                format!("it says that the weights are in {count} files, and {missing} is missing");
            Err(wrong(path, &what))
        }
        None => Ok(names),
    }
}

fn wrong(path: &Path, what: &str) -> Error {
    let message = format!("{}: {what}; download the model again", path.display());
    Error::new(ErrorKind::Model, message)
}
