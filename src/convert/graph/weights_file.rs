//! Writing `model.weights`: tensors one after the other, each at a page boundary, hashed on the
//! way, so that ONNX Runtime can map them and no tensor is in memory longer than it is worked on.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zerocopy::IntoBytes;

use crate::model::onnx::messages::{DataType, EXTERNAL, StringStringEntryProto, TensorProto};
use crate::{Error, Result};

/// Every tensor starts at a multiple of this: the page size of the mapping.
const ALIGNMENT: u64 = 4096;

/// The file under construction, and the tensors in it.
pub(in crate::convert) struct WeightsFile {
    path: PathBuf,
    location: String,
    file: BufWriter<File>,
    len_bytes: u64,
    hash: Sha256,
    tensors: Vec<TensorProto>,
    names: HashSet<String>,
}

impl WeightsFile {
    /// Creates the file `name` in `dir`.
    pub fn create(dir: &Path, name: &str) -> Result<WeightsFile> {
        let path = dir.join(name);
        let file = File::create(&path).map_err(|e| Error::io("creating", &path, e))?;
        Ok(WeightsFile {
            path,
            location: name.into(),
            file: BufWriter::with_capacity(1 << 20, file),
            len_bytes: 0,
            hash: Sha256::new(),
            tensors: Vec::new(),
            names: HashSet::new(),
        })
    }

    /// True if a tensor of that name has been added.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Appends a tensor, whose elements `write` puts into the sink it is given.
    pub fn tensor(
        &mut self,
        name: &str,
        data_type: DataType,
        shape: &[usize],
        write: impl FnOnce(&mut Sink<'_>) -> Result<()>,
    ) -> Result<()> {
        let padding = self.len_bytes.next_multiple_of(ALIGNMENT) - self.len_bytes;
        self.append(&[0; ALIGNMENT as usize][..padding as usize])?;
        let offset = self.len_bytes;
        write(&mut Sink(self))?;
        let length = self.len_bytes - offset;
        let entry = |key: &str, value: String| StringStringEntryProto {
            key: Some(key.into()),
            value: Some(value),
        };
        self.add(TensorProto {
            dims: shape.iter().map(|&n| n as i64).collect(),
            data_type: Some(data_type.into()),
            name: Some(name.into()),
            raw_data: None,
            external_data: vec![
                entry("location", self.location.clone()),
                entry("offset", offset.to_string()),
                entry("length", length.to_string()),
            ],
            data_location: Some(EXTERNAL),
        });
        Ok(())
    }

    /// Adds a small tensor of integers that stays in the graph, if it is not there.
    pub fn integers(&mut self, name: &str, shape: &[usize], values: &[i64]) {
        self.add(TensorProto {
            dims: shape.iter().map(|&n| n as i64).collect(),
            data_type: Some(DataType::Int64.into()),
            name: Some(name.into()),
            raw_data: Some(values.as_bytes().to_vec()),
            external_data: Vec::new(),
            data_location: None,
        });
    }

    /// Adds a float that stays in the graph, if it is not there.
    pub fn scalar(&mut self, name: &str, value: f32) {
        self.add(TensorProto {
            dims: Vec::new(),
            data_type: Some(DataType::Float.into()),
            name: Some(name.into()),
            raw_data: Some(value.to_le_bytes().to_vec()),
            external_data: Vec::new(),
            data_location: None,
        });
    }

    /// Syncs the file; returns its tensors and its SHA-256.
    pub fn finish(mut self) -> Result<(Vec<TensorProto>, String)> {
        let synced = self
            .file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(|e| Error::io("writing", &self.path, e))?;
        Ok((self.tensors, format!("{:x}", self.hash.finalize())))
    }

    fn add(&mut self, tensor: TensorProto) {
        let name = tensor.name.clone().unwrap_or_default();
        if self.names.insert(name) {
            self.tensors.push(tensor);
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.hash.update(bytes);
        self.len_bytes += bytes.len() as u64;
        let written = self.file.write_all(bytes);
        written.map_err(|e| Error::io("writing", &self.path, e))
    }
}

/// Takes the elements of one tensor.
pub(in crate::convert) struct Sink<'a>(&'a mut WeightsFile);

impl Sink<'_> {
    /// Appends elements.
    pub fn write(
        &mut self,
        elements: &(impl IntoBytes + zerocopy::Immutable + ?Sized),
    ) -> Result<()> {
        self.0.append(elements.as_bytes())
    }
}
