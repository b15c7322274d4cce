//! The keyword arguments of making, opening and training an index.

use std::path::PathBuf;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use zerogr::{
    CudaOptions, Device, DocidSource, Durability, EncoderOptions, EncoderSource, FieldType,
    IndexOptions, JudgedOptions, OpenOptions, PassageParams, TrainOptions, WriteOptions,
};

use crate::error::invalid;
use crate::keywords::{each, one_of};

const FIELD_TYPES: [(&str, FieldType); 5] = [
    ("boolean", FieldType::Boolean),
    ("integer", FieldType::Integer),
    ("float", FieldType::Float),
    ("timestamp", FieldType::Timestamp),
    ("keyword", FieldType::Keyword),
];

const DOCIDS: [(&str, DocidSource); 2] = [
    ("keywords", DocidSource::Keywords),
    ("title", DocidSource::Title),
];

const DURABILITIES: [(&str, Durability); 2] =
    [("full", Durability::Full), ("ordered", Durability::Ordered)];

/// How an index is made.
pub fn create(given: Option<&Bound<'_, PyDict>>) -> PyResult<IndexOptions> {
    // The encoder comes first: without one, other defaults hold.
    let encoder = given
        .map(|given| given.get_item("encoder"))
        .transpose()?
        .flatten();
    let mut options = match &encoder {
        Some(encoder) if encoder.is_none() => IndexOptions::lexical(),
        Some(encoder) => IndexOptions::with_encoder(source(encoder)?),
        None => IndexOptions::default(),
    };
    each("create", given, |name, value| {
        match name {
            "encoder" => {}
            "embed_encoder" => options.embed_encoder = value.extract()?,
            "fields" => {
                for (name, of) in value.cast::<PyDict>()? {
                    let of = one_of(&of, &FIELD_TYPES)?;
                    options.fields.declare(name.extract()?, of);
                }
            }
            "docids" => options.docids = one_of(value, &DOCIDS)?,
            "docids_per_document" => options.docids_per_document = value.extract()?,
            "docid_words" => options.docid_words = value.extract()?,
            "passages" => {
                let cut: bool = value.extract()?;
                options.passages = cut.then(PassageParams::default);
            }
            "max_passage_tokens" => options.max_passage_tokens = value.extract()?,
            "token_vectors" => options.token_vectors = value.extract()?,
            "stemming" => options.lexicon.stemming = value.extract()?,
            "stop_words" => options.lexicon.stop_words = value.extract()?,
            "language_model" => options.language_model = value.extract()?,
            "seed" => options.file_seed = value.extract()?,
            _ => return set_encoder_options(&mut options.encoder_options, name, value),
        }
        Ok(true)
    })?;
    Ok(options)
}

fn source(encoder: &Bound<'_, PyAny>) -> PyResult<EncoderSource> {
    Ok(match encoder.extract::<&str>() {
        Ok("default") => EncoderSource::Installed,
        Ok("static") => EncoderSource::Static,
        _ => EncoderSource::Folder(encoder.extract::<PathBuf>()?),
    })
}

/// How an index is opened.
pub struct Open {
    pub options: OpenOptions,
    /// Map the file instead of reading it.
    pub mmap: bool,
}

impl Open {
    pub fn new(given: Option<&Bound<'_, PyDict>>) -> PyResult<Open> {
        let mut options = OpenOptions::new();
        let mut mmap = false;
        each("open", given, |name, value| {
            match name {
                "mmap" => mmap = value.extract()?,
                "trust_model" => options.trust_model = value.extract()?,
                "language_model" => options.language_model = value.extract()?,
                _ => {
                    return Ok(set_write_options(&mut options.write_options, name, value)?
                        || set_encoder_options(&mut options.encoder_options, name, value)?);
                }
            }
            Ok(true)
        })?;
        Ok(Open { options, mmap })
    }
}

/// How to write.
pub fn write(base: WriteOptions, given: Option<&Bound<'_, PyDict>>) -> PyResult<WriteOptions> {
    let mut options = base;
    each("writer", given, |name, value| {
        set_write_options(&mut options, name, value)
    })?;
    Ok(options)
}

fn set_write_options(
    options: &mut WriteOptions,
    name: &str,
    value: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    match name {
        "wait" => {
            let wait = Duration::try_from_secs_f64(value.extract()?);
            options.wait = wait.map_err(|error| invalid(value.py(), &format!("wait: {error}")))?;
        }
        "lock" => {
            let lock: bool = value.extract()?;
            options.without_lock = !lock;
        }
        "durability" => options.durability = one_of(value, &DURABILITIES)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn set_encoder_options(
    options: &mut EncoderOptions,
    name: &str,
    value: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    match name {
        "device" => options.device = device(value)?,
        "threads" => options.threads = value.extract()?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn device(value: &Bound<'_, PyAny>) -> PyResult<Device> {
    let name: String = value.extract()?;
    let number = name.strip_prefix("cuda:").map(str::parse::<u16>);
    Ok(match (name.as_str(), number) {
        ("auto", _) => Device::Auto,
        ("cpu", _) => Device::Cpu,
        ("cuda", _) => Device::Cuda(CudaOptions::new()),
        (_, Some(Ok(number))) => Device::Cuda(CudaOptions::new().device_id(number)),
        _ => {
            let message =
                format!("{name:?} is none of \"auto\", \"cpu\", \"cuda\" and \"cuda:NUMBER\"");
            return Err(invalid(value.py(), &message));
        }
    })
}

/// How to train.
pub fn train(given: Option<&Bound<'_, PyDict>>) -> PyResult<TrainOptions> {
    let mut options = TrainOptions::new();
    each("train", given, |name, value| {
        set_train(&mut options, name, value)
    })?;
    Ok(options)
}

/// How to learn from judgements.
pub fn judged(given: Option<&Bound<'_, PyDict>>) -> PyResult<JudgedOptions> {
    let mut options = JudgedOptions::new();
    each("train_from_judgements", given, |name, value| {
        match name {
            "folds" => options.folds = value.extract()?,
            "max_queries" => options.max_queries = value.extract()?,
            _ => return set_train(&mut options.train, name, value),
        }
        Ok(true)
    })?;
    Ok(options)
}

/// False for a name that is none of an option of training.
fn set_train(options: &mut TrainOptions, name: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    match name {
        "seed" => options.seed = value.extract()?,
        "epochs" => options.epochs = value.extract()?,
        "max_examples" => options.max_examples = value.extract()?,
        "full" => options.full = value.extract()?,
        _ => return Ok(false),
    }
    Ok(true)
}
