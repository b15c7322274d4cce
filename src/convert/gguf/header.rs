//! The header of a GGUF file: settings by name, and where each tensor lies.
//!
//! ```text
//! "GGUF" version:u32 tensors:u64 settings:u64
//! setting*   name type:u32 value                     name, text: length:u64 bytes
//! tensor*    name axes:u32 (length:u64)* type:u32 offset:u64
//! (padding)  tensor data, offsets count from here
//! ```
//!
//! Little-endian; versions 2 and 3. The first axis of a tensor is the innermost.
//!
//! I1. Every count and length is checked against what is left of the file before anything is
//! allocated for it, so the memory used is in proportion to the header.

use std::collections::HashMap;
use std::io::Read;

use crate::{Error, ErrorKind, Result};

/// A setting.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Integer(i128),
    Float(f64),
    Bool(bool),
    Text(String),
    Integers(Vec<i64>),
    Floats(Vec<f32>),
    Texts(Vec<String>),
    Bools,
}

/// Where a tensor lies and how it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TensorInfo {
    /// Outermost axis first.
    pub shape: Vec<usize>,
    /// The number of its block format.
    pub format: u32,
    /// From the start of its file.
    pub offset_bytes: u64,
    /// Which file it is in, of those that the model was split into.
    pub part: usize,
}

/// A parsed header.
#[derive(Debug, Clone, Default)]
pub(super) struct Header {
    pub settings: HashMap<String, Value>,
    pub tensors: HashMap<String, TensorInfo>,
}

/// A tensor has no more axes.
const MAX_AXES: u32 = 4;
/// A name is no longer.
const MAX_NAME_BYTES: u64 = 65_535;
/// Alignment of tensor data where the file names none.
const ALIGNMENT: u64 = 32;

impl Header {
    /// Reads the header at the start of a file of `len_bytes`.
    pub fn read(reader: impl Read, len_bytes: u64) -> Result<Header> {
        let mut input = Input {
            reader,
            at: 0,
            len: len_bytes,
        };
        check_start(input.array()?, input.array()?)?;
        // The least that a tensor and a setting take.
        let tensor_count = input.count(8 + 4 + 4 + 8)?;
        let setting_count = input.count(8 + 4 + 1)?;
        let mut header = Header::default();
        for _ in 0..setting_count {
            let name = input.name()?;
            let kind = input.u32()?;
            let value = input.value(kind, &name)?;
            if header.settings.insert(name.clone(), value).is_some() {
                return Err(wrong(format!("it has the setting {name} twice")));
            }
        }
        for _ in 0..tensor_count {
            let name = input.name()?;
            let info = input.tensor(&name)?;
            if header.tensors.insert(name.clone(), info).is_some() {
                return Err(wrong(format!("it has the tensor {name} twice")));
            }
        }
        let alignment = match header.settings.get("general.alignment") {
            None => ALIGNMENT,
            Some(Value::Integer(n)) if (1..=1 << 20).contains(n) => *n as u64,
            Some(other) => return Err(wrong(format!("its alignment is {other:?}"))),
        };
        let start = input.at.next_multiple_of(alignment);
        for (name, info) in &mut header.tensors {
            let offset = info.offset_bytes.checked_add(start);
            info.offset_bytes = offset
                .filter(|offset| *offset <= len_bytes)
                .ok_or_else(|| wrong(format!("the tensor {name} lies behind its end")))?;
        }
        Ok(header)
    }

    /// The header of a file that was split into parts: the settings of the first, the tensors of
    /// all.
    pub fn joined(parts: Vec<Header>) -> Result<Header> {
        let count = parts.len();
        let mut whole = Header::default();
        for (number, part) in parts.into_iter().enumerate() {
            let says = part.count("split.count")?.unwrap_or(1).max(1);
            let no = part.count("split.no")?.unwrap_or(0);
            part.count("split.tensors.count")?;
            if says != count || no != number {
                return Err(unusable(format!(
                    "it is part {} of a model that was split into {says} files; put all of them \
                     into one folder, under the names they were published with \
                     (…-00001-of-{says:05}.gguf and so on), and import the first",
                    no + 1
                )));
            }
            if number == 0 {
                whole.settings = part.settings;
            }
            for (name, info) in part.tensors {
                let info = TensorInfo {
                    part: number,
                    ..info
                };
                if whole.tensors.insert(name.clone(), info).is_some() {
                    return Err(wrong(format!("two parts of it have the tensor {name}")));
                }
            }
        }
        let found = whole.tensors.len();
        match whole.count("split.tensors.count")? {
            Some(tensors) if count > 1 && tensors != found => Err(wrong(format!(
                "its parts have {found} tensors in all, where the whole has {tensors}"
            ))),
            _ => Ok(whole),
        }
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<Option<&str>> {
        self.get(name, "a text", |value| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// A number that counts something.
    pub fn count(&self, name: &str) -> Result<Option<usize>> {
        self.get(name, "a count", |value| match value {
            Value::Integer(n) => usize::try_from(*n).ok(),
            _ => None,
        })
    }

    /// A number.
    pub fn number(&self, name: &str) -> Result<Option<f64>> {
        self.get(name, "a number", |value| match value {
            Value::Float(x) => Some(*x),
            Value::Integer(n) => Some(*n as f64),
            _ => None,
        })
    }

    /// A yes or no.
    pub fn flag(&self, name: &str) -> Result<Option<bool>> {
        self.get(name, "true or false", |value| match value {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        })
    }

    /// A list of texts.
    pub fn texts(&self, name: &str) -> Result<Option<&[String]>> {
        self.get(name, "a list of texts", |value| match value {
            Value::Texts(texts) => Some(texts.as_slice()),
            _ => None,
        })
    }

    /// A list of integers.
    pub fn integers(&self, name: &str) -> Result<Option<&[i64]>> {
        self.get(name, "a list of integers", |value| match value {
            Value::Integers(integers) => Some(integers.as_slice()),
            _ => None,
        })
    }

    /// A list of floats.
    pub fn floats(&self, name: &str) -> Result<Option<&[f32]>> {
        self.get(name, "a list of numbers", |value| match value {
            Value::Floats(floats) => Some(floats.as_slice()),
            _ => None,
        })
    }

    fn get<'a, T>(
        &'a self,
        name: &str,
        what: &str,
        take: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.settings.get(name) else {
            return Ok(None);
        };
        let taken = take(value).ok_or_else(|| wrong(format!("its setting {name} is not {what}")));
        taken.map(Some)
    }
}

/// A finding about a GGUF file.
pub(super) fn wrong(what: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Model,
        format!("the GGUF file cannot be used: {what}; download it again, or use another one"),
    )
}

/// A finding about a sound GGUF file.
pub(super) fn unusable(what: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Model,
        format!("the GGUF file cannot be used: {what}"),
    )
}

/// Checks the first bytes of the file and the version behind them.
fn check_start(start: [u8; 4], version: [u8; 4]) -> Result<()> {
    match &start {
        b"GGUF" => {}
        b"lmgg" | b"fmgg" | b"tjgg" | b"algg" => {
            return Err(unusable(
                "it is of a format of before GGUF (GGML); import a GGUF file of the model",
            ));
        }
        _ => {
            return Err(wrong(
                "it does not start with GGUF: it is another kind of file",
            ));
        }
    }
    match u32::from_le_bytes(version) {
        2 | 3 => Ok(()),
        1 => Err(unusable(
            "its version is 1, of before August 2023, and versions 2 and 3 can be read; import a \
             newer file of the model",
        )),
        other if (1..=3).contains(&other.swap_bytes()) => Err(unusable(
            "it is big-endian, and little-endian files can be read; import the usual file of the \
             model",
        )),
        other => Err(wrong(format!(
            "its version is {other}, and versions 2 and 3 (little-endian) can be read"
        ))),
    }
}

/// The bytes of the header, in order.
struct Input<R> {
    reader: R,
    at: u64,
    len: u64,
}

impl<R: Read> Input<R> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.reader.read_exact(bytes).map_err(|e| {
            if e.kind() == std::io::ErrorKind::UnexpectedEof {
                wrong("it ends in the middle of its header")
            } else {
                Error::of_io(format!("reading the GGUF file: {e}"), e)
            }
        })?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A count of things of at least `least_bytes` each, which must fit into the file (I1).
    fn count(&mut self, least_bytes: u64) -> Result<usize> {
        let count = self.u64()?;
        let left = self.len.saturating_sub(self.at);
        match usize::try_from(count) {
            Ok(n) if count <= left / least_bytes => Ok(n),
            _ => Err(wrong(format!(
                "its header speaks of {count} entries where {left} bytes are left"
            ))),
        }
    }

    fn text(&mut self) -> Result<String> {
        let len = self.count(1)?;
        let mut bytes = vec![0; len];
        self.fill(&mut bytes)?;
        String::from_utf8(bytes).map_err(|_| wrong("a text in its header is not UTF-8"))
    }

    fn name(&mut self) -> Result<String> {
        let name = self.text()?;
        if name.is_empty() || name.len() as u64 > MAX_NAME_BYTES {
            return Err(wrong(format!(
                "a name in its header has {} bytes",
                name.len()
            )));
        }
        Ok(name)
    }

    fn value(&mut self, kind: u32, name: &str) -> Result<Value> {
        Ok(match kind {
            8 => Value::Text(self.text()?),
            9 => self.list(name)?,
            6 => Value::Float(f64::from(f32::from_le_bytes(self.array()?))),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            7 => Value::Bool(self.array::<1>()? != [0]),
            _ => Value::Integer(self.integer(kind, name)?),
        })
    }

    fn integer(&mut self, kind: u32, name: &str) -> Result<i128> {
        Ok(match kind {
            0 => u8::from_le_bytes(self.array()?).into(),
            1 => i8::from_le_bytes(self.array()?).into(),
            2 => u16::from_le_bytes(self.array()?).into(),
            3 => i16::from_le_bytes(self.array()?).into(),
            4 => self.u32()?.into(),
            5 => i32::from_le_bytes(self.array()?).into(),
            10 => self.u64()?.into(),
            11 => i64::from_le_bytes(self.array()?).into(),
            _ => {
                return Err(wrong(format!(
                    "its setting {name} has the unknown type {kind}"
                )));
            }
        })
    }

    fn list(&mut self, name: &str) -> Result<Value> {
        let kind = self.u32()?;
        let least_bytes = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            8 | 10..=12 => 8,
            _ => {
                let what = format!("its list {name} has elements of the unknown type {kind}");
                return Err(wrong(what));
            }
        };
        let count = self.count(least_bytes)?;
        let outside = || {
            wrong(format!(
                "a number of its list {name} does not fit into 64 bits"
            ))
        };
        Ok(match kind {
            8 => Value::Texts((0..count).map(|_| self.text()).collect::<Result<_>>()?),
            6 | 12 => {
                let mut floats = Vec::with_capacity(count);
                for _ in 0..count {
                    floats.push(match kind {
                        6 => f32::from_le_bytes(self.array()?),
                        _ => f64::from_le_bytes(self.array()?) as f32,
                    });
                }
                Value::Floats(floats)
            }
            7 => {
                (0..count).try_for_each(|_| self.array::<1>().map(drop))?;
                Value::Bools
            }
            _ => {
                let integers = (0..count)
                    .map(|_| i64::try_from(self.integer(kind, name)?).map_err(|_| outside()));
                Value::Integers(integers.collect::<Result<_>>()?)
            }
        })
    }

    fn tensor(&mut self, name: &str) -> Result<TensorInfo> {
        let axes = self.u32()?;
        if !(1..=MAX_AXES).contains(&axes) {
            return Err(wrong(format!("the tensor {name} has {axes} axes")));
        }
        let mut shape = Vec::new();
        let mut elements = 1_u64;
        for _ in 0..axes {
            let len = self.u64()?;
            // A format takes at least a fifth of a byte per element; 16 per byte is beyond all.
            elements = elements
                .checked_mul(len)
                .filter(|n| *n > 0 && n / 16 <= self.len)
                .ok_or_else(|| wrong(format!("the tensor {name} cannot be that large")))?;
            shape.insert(0, usize::try_from(len).unwrap_or(usize::MAX));
        }
        Ok(TensorInfo {
            shape,
            format: self.u32()?,
            offset_bytes: self.u64()?,
            part: 0,
        })
    }
}
