//! The bytes of an adapter: a file of safetensors.
//!
//! ```text
//!   layers.{i}.{module}.a   [inputs, rank]    f32, or f16 throughout
//!   layers.{i}.{module}.b   [rank, outputs]
//!   __metadata__            format, base.name, base.fingerprint, rank, rerank_token,
//!                           fact.{name} of each fact of the training
//! ```
//!
//! I1. Every tensor and every key is used, or refused by its name.
//! I2. Memory is in proportion to the bytes.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

use half::f16;
use safetensors::Dtype;
use safetensors::tensor::{SafeTensors, TensorInfo};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::adapter::{Adapter, BaseModel, LinearModule, LowRank};
use crate::store::regular_file;
use crate::{Error, ErrorKind, Result};

/// What the key `format` says.
const FORMAT: &str = "zerogr adapter 1";
/// What stands before the name of a fact.
const FACT: &str = "fact.";
/// The longest file: the matrices of 1 GiB, and a header.
const MAX_BYTES: u64 = (1 << 30) + MAX_HEADER_BYTES;
/// The longest header.
const MAX_HEADER_BYTES: u64 = 16 << 20;
/// The header is filled up with blanks to a multiple of this.
const ALIGNMENT_BYTES: usize = 8;

impl Adapter {
    /// Reads the bytes of an adapter.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] that says what is damaged or unknown in them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Adapter> {
        read(bytes).map_err(|error| {
            let message = format!("the adapter is damaged, or none: {}", error.finding());
            Error::new(ErrorKind::Model, message)
        })
    }

    /// Its bytes, the same for the same adapter.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.each_part(&mut |part| bytes.extend_from_slice(part));
        bytes
    }

    /// SHA-256 of its bytes, in hexadecimal.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        self.each_part(&mut |part| hash.update(part));
        format!("{:x}", hash.finalize())
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] and other failures of reading; [`ErrorKind::Model`] as
    /// [`from_bytes`](Self::from_bytes) has it.
    pub fn read(path: impl AsRef<Path>) -> Result<Adapter> {
        let path = path.as_ref();
        let bytes =
            regular_file::read(path, MAX_BYTES).map_err(|e| Error::io("reading", path, e))?;
        Adapter::from_bytes(&bytes).map_err(|error| error.about(path.display()))
    }

    /// Writes the file at `path`, which appears whole, in the place of one that is there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`], [`ErrorKind::DiskFull`] and other failures of writing.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let failed = |e| Error::io("writing", path, e);
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        let mut written = Ok(());
        self.each_part(&mut |part| {
            if written.is_ok() {
                written = file.write_all(part);
            }
        });
        written.map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        let persisted = file.persist(path);
        persisted.map(drop).map_err(|e| failed(e.error))
    }

    /// Calls `each` with the parts of the bytes, in their order.
    fn each_part(&self, each: &mut dyn FnMut(&[u8])) {
        let mut header = self.header().into_bytes();
        header.resize(header.len().next_multiple_of(ALIGNMENT_BYTES), b' ');
        each(&(header.len() as u64).to_le_bytes());
        each(&header);
        for values in self
            .changes
            .iter()
            .flat_map(|change| [&change.a, &change.b])
        {
            let bytes: Vec<u8> = match self.is_half {
                true => values
                    .iter()
                    .flat_map(|&x| f16::from_f32(x).to_le_bytes())
                    .collect(),
                false => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            };
            each(&bytes);
        }
    }

    /// The header, its keys in order.
    fn header(&self) -> String {
        let mut metadata: BTreeMap<String, String> = BTreeMap::from([
            ("format".into(), FORMAT.into()),
            ("base.name".into(), self.base.name.clone()),
            ("base.fingerprint".into(), self.base.fingerprint.clone()),
            ("rank".into(), self.rank.to_string()),
        ]);
        if let Some(token) = self.rerank_token {
            metadata.insert("rerank_token".into(), token.to_string());
        }
        for (name, value) in &self.facts {
            metadata.insert(format!("{FACT}{name}"), value.clone());
        }
        let mut entries: BTreeMap<String, Value> =
            BTreeMap::from([("__metadata__".into(), json!(metadata))]);
        let (dtype, value_bytes) = match self.is_half {
            true => ("F16", 2),
            false => ("F32", 4),
        };
        let mut from = 0;
        for change in &self.changes {
            let matrices = [
                ("a", [change.inputs, self.rank]),
                ("b", [self.rank, change.outputs]),
            ];
            for (letter, shape) in matrices {
                let to = from + shape.iter().product::<usize>() * value_bytes;
                let entry = json!({"data_offsets": [from, to], "dtype": dtype, "shape": shape});
                entries.insert(format!("{change}.{letter}"), entry);
                from = to;
            }
        }
        json!(entries).to_string()
    }
}

/// The two matrices of a layer, as far as they were met.
#[derive(Default)]
struct Halves<'a> {
    a: Option<&'a TensorInfo>,
    b: Option<&'a TensorInfo>,
}

fn read(bytes: &[u8]) -> Result<Adapter> {
    let prefix = bytes.first_chunk().copied().map(u64::from_le_bytes);
    if prefix.is_none_or(|header_bytes| header_bytes > MAX_HEADER_BYTES) {
        return Err(Error::invalid("it does not begin as safetensors do"));
    }
    let (header_bytes, header) =
        SafeTensors::read_metadata(bytes).map_err(|e| Error::invalid(e.to_string()))?;
    let values = bytes.get(8 + header_bytes..).unwrap_or_default();
    let mut known = Known::of(header.metadata().as_ref())?;
    let tensors = header.tensors();
    let mut layers: BTreeMap<(usize, LinearModule), Halves<'_>> = BTreeMap::new();
    let mut dtypes = Vec::new();
    for (name, &info) in &tensors {
        let place = place_of(name);
        let (layer, module, letter) =
            place.ok_or_else(|| Error::invalid(format!("it has the unknown tensor {name:?}")))?;
        let halves = layers.entry((layer, module)).or_default();
        match letter {
            Letter::A => halves.a = Some(info),
            Letter::B => halves.b = Some(info),
        }
        dtypes.push(info.dtype);
    }
    dtypes.dedup();
    let is_half = match dtypes.as_slice() {
        [] | [Dtype::F32] => false,
        [Dtype::F16] => true,
        _ => {
            let what = "its values are neither 32-bit floats nor 16-bit floats throughout";
            return Err(Error::invalid(what));
        }
    };
    let mut changes = Vec::with_capacity(layers.len());
    for ((layer, module), halves) in layers {
        let name = format!("layers.{layer}.{module}");
        let (Some(a), Some(b)) = (halves.a, halves.b) else {
            let what = format!("it has one of the two matrices of {name}");
            return Err(Error::invalid(what));
        };
        let (&[inputs, a_rank], &[b_rank, outputs]) = (a.shape.as_slice(), b.shape.as_slice())
        else {
            return Err(Error::invalid(format!("a matrix of {name} is none")));
        };
        if [a_rank, b_rank] != [known.rank; 2] {
            let what = format!("the matrices of {name} are not of rank {}", known.rank);
            return Err(Error::invalid(what));
        }
        changes.push(LowRank {
            layer,
            module,
            inputs,
            outputs,
            a: floats(values, a),
            b: floats(values, b),
        });
    }
    let facts = std::mem::take(&mut known.facts);
    let adapter = Adapter::new(known.base, known.rank, changes)?;
    let adapter = adapter.with_rerank_token(known.rerank_token);
    Ok(Adapter {
        is_half,
        ..adapter.with_facts(facts)?
    })
}

/// What the metadata say.
struct Known {
    base: BaseModel,
    rank: usize,
    rerank_token: Option<u32>,
    facts: BTreeMap<String, String>,
}

impl Known {
    fn of(metadata: Option<&HashMap<String, String>>) -> Result<Known> {
        let mut left: BTreeMap<&str, &str> = metadata
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        let mut take = |key: &str| {
            let value = left.remove(key);
            value.ok_or_else(|| Error::invalid(format!("its metadata do not say {key:?}")))
        };
        let format = take("format")?;
        if format != FORMAT {
            let what = format!("its format is {format:?}, and this program reads {FORMAT:?}");
            return Err(Error::invalid(what));
        }
        let base = BaseModel {
            name: take("base.name")?.to_owned(),
            fingerprint: take("base.fingerprint")?.to_owned(),
        };
        let rank = number("rank", take("rank")?)?;
        let token = left.remove("rerank_token");
        let token = token.map(|token| number("rerank_token", token));
        let mut facts = BTreeMap::new();
        for (key, value) in left {
            let name = key.strip_prefix(FACT);
            let name = name
                .ok_or_else(|| Error::invalid(format!("its metadata have the unknown {key:?}")))?;
            facts.insert(name.to_owned(), value.to_owned());
        }
        Ok(Known {
            base,
            rank,
            rerank_token: token.transpose()?,
            facts,
        })
    }
}

fn number<T: std::str::FromStr>(key: &str, text: &str) -> Result<T> {
    let wrong = || Error::invalid(format!("its {key} {text:?} is no number"));
    text.parse().map_err(|_| wrong())
}

enum Letter {
    A,
    B,
}

/// The layer, module and matrix of a tensor's name.
fn place_of(name: &str) -> Option<(usize, LinearModule, Letter)> {
    let (layer, rest) = name.strip_prefix("layers.")?.split_once('.')?;
    let number: usize = layer.parse().ok()?;
    let (module, letter) = rest.rsplit_once('.')?;
    let letter = match letter {
        "a" => Letter::A,
        "b" => Letter::B,
        _ => return None,
    };
    // Of the many ways to write a number, one.
    let is_plain = number.to_string() == layer;
    Some((number, LinearModule::from_name(module)?, letter)).filter(|_| is_plain)
}

/// The values of a tensor; its place and shape were checked with the header.
fn floats(values: &[u8], info: &TensorInfo) -> Vec<f32> {
    let (from, to) = info.data_offsets;
    let bytes = values.get(from..to).unwrap_or_default();
    match info.dtype {
        Dtype::F16 => {
            let (halves, _) = bytes.as_chunks();
            let halves = halves.iter().map(|&half| f16::from_le_bytes(half).to_f32());
            halves.collect()
        }
        _ => {
            let (floats, _) = bytes.as_chunks();
            floats
                .iter()
                .map(|&float| f32::from_le_bytes(float))
                .collect()
        }
    }
}
