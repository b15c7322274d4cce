//! The encoder of an index: taken in when it is created, brought back when it is opened.

use std::sync::Arc;

use super::options::{EncoderSource, IndexOptions, OpenOptions};
use super::snapshot::Snapshot;
use crate::encode::TextEncoder;
use crate::format::{BlobEntry, BlobPlace, BlobRole};
#[cfg(feature = "models")]
use crate::store;
use crate::store::{Store, Transaction};
use crate::{Error, ErrorKind, Result};

/// The encoder of a new index, and what of it goes into the file.
pub(super) struct NewEncoder {
    pub(super) encoder: Arc<dyn TextEncoder>,
    pub(super) blobs: Vec<NewBlob>,
    pub(super) pooling: String,
    pub(super) max_model_tokens: usize,
}

/// A file that goes with the encoder.
pub(super) struct NewBlob {
    role: BlobRole,
    name: &'static str,
    media_type: &'static str,
    bytes: Arc<Vec<u8>>,
    /// `Some`: stays outside, at this path.
    outside: Option<String>,
}

impl NewBlob {
    pub(super) fn append(&self, transaction: &mut Transaction) -> Result<BlobEntry> {
        let Some(path) = &self.outside else {
            return transaction.append_blob(self.role, self.name, self.media_type, &self.bytes);
        };
        use sha2::{Digest, Sha256};
        Ok(BlobEntry {
            role: self.role,
            name: self.name.to_owned(),
            media_type: self.media_type.to_owned(),
            sha256: Sha256::digest(self.bytes.as_slice()).into(),
            len_bytes: self.bytes.len() as u64,
            place: BlobPlace::External { path: path.clone() },
        })
    }
}

/// Loads the encoder of a new index.
pub(super) fn load_new(options: &IndexOptions) -> Result<NewEncoder> {
    match &options.encoder {
        EncoderSource::Custom(encoder) => Ok(NewEncoder {
            encoder: encoder.clone(),
            blobs: Vec::new(),
            pooling: String::new(),
            max_model_tokens: 0,
        }),
        #[cfg(feature = "models")]
        EncoderSource::Installed => from_files(crate::model::EncoderFiles::installed()?, options),
        #[cfg(feature = "models")]
        EncoderSource::Folder(dir) => {
            from_files(crate::model::EncoderFiles::from_dir(dir)?, options)
        }
    }
}

#[cfg(feature = "models")]
fn from_files(files: crate::model::EncoderFiles, options: &IndexOptions) -> Result<NewEncoder> {
    let encoder = crate::model::Encoder::from_files(&files, &options.encoder_options)?;
    let outside = |path: &std::path::Path| -> Result<Option<String>> {
        if options.embed_encoder {
            return Ok(None);
        }
        let absolute =
            std::path::absolute(path).map_err(|error| Error::io("resolving", path, error))?;
        match absolute.into_os_string().into_string() {
            Ok(path) => Ok(Some(path)),
            Err(path) => Err(Error::invalid(format!(
                "the path {} is not UTF-8: move the encoder, or embed it in the index",
                path.display()
            ))),
        }
    };
    Ok(NewEncoder {
        blobs: vec![
            NewBlob {
                role: BlobRole::Encoder,
                name: "model.onnx",
                media_type: "application/onnx",
                outside: outside(&files.model_path)?,
                bytes: files.model,
            },
            NewBlob {
                role: BlobRole::Tokenizer,
                name: "tokenizer.json",
                media_type: "application/json",
                outside: outside(&files.tokenizer_path)?,
                bytes: Arc::new(files.tokenizer),
            },
        ],
        pooling: files.pooling.unwrap_or_default().name().to_owned(),
        max_model_tokens: files.max_len_tokens,
        encoder: Arc::new(encoder),
    })
}

/// Loads the encoder an index was made with.
pub(super) fn load_recorded(
    store: &Store,
    snapshot: &Snapshot,
    options: &OpenOptions,
) -> Result<Arc<dyn TextEncoder>> {
    let params = snapshot.params();
    let encoder = match &options.encoder {
        Some(encoder) => encoder.clone(),
        None => from_store(store, snapshot, options)?,
    };
    check(
        "encoder",
        &params.encoder.fingerprint,
        &encoder.fingerprint(),
    )?;
    check(
        "tokenizer",
        &params.tokenizer.fingerprint,
        &encoder.tokenizer().fingerprint(),
    )?;
    if encoder.dim() != params.encoder.dim {
        return Err(Error::new(
            ErrorKind::ModelMismatch,
            format!(
                "the encoder at hand makes vectors of {} values, the index has {}",
                encoder.dim(),
                params.encoder.dim
            ),
        ));
    }
    Ok(encoder)
}

fn check(what: &str, recorded: &str, at_hand: &str) -> Result<()> {
    if recorded == at_hand {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::ModelMismatch,
        format!(
            "the index was made with {what} {recorded}, the one at hand is {at_hand}: open it with \
             the former, or build a new index with the latter"
        ),
    ))
}

#[cfg(not(feature = "models"))]
fn from_store(_: &Store, _: &Snapshot, _: &OpenOptions) -> Result<Arc<dyn TextEncoder>> {
    Err(Error::new(
        ErrorKind::Model,
        "this build has no model support: give the encoder in OpenOptions::encoder",
    ))
}

#[cfg(feature = "models")]
fn from_store(
    store: &Store,
    snapshot: &Snapshot,
    options: &OpenOptions,
) -> Result<Arc<dyn TextEncoder>> {
    let params = &snapshot.params().encoder;
    let stored = &snapshot.state.stored;
    let folder = store.path().parent().unwrap_or(std::path::Path::new(""));
    let blob = |role: BlobRole| {
        let mut blobs = stored.manifest().blobs.iter();
        let entry = blobs.find(|blob| blob.role == role).ok_or_else(|| {
            Error::new(
                ErrorKind::Model,
                format!(
                    "the index was made with a custom encoder ({}): give it in OpenOptions::encoder",
                    params.fingerprint
                ),
            )
        })?;
        blob_bytes(stored, folder, entry)
    };
    let (model, tokenizer) = (blob(BlobRole::Encoder)?, blob(BlobRole::Tokenizer)?);
    let bytes = crate::model::EncoderBytes {
        model,
        tokenizer: (*tokenizer).as_ref(),
        pooling: crate::model::Pooling::from_name(&params.pooling)?,
        max_len_tokens: params.max_model_tokens,
    };
    Ok(Arc::new(crate::model::Encoder::from_bytes(
        bytes,
        &options.encoder_options,
    )?))
}

#[cfg(feature = "models")]
fn blob_bytes(
    stored: &store::Snapshot,
    folder: &std::path::Path,
    entry: &BlobEntry,
) -> Result<crate::model::ModelBytes> {
    use sha2::{Digest, Sha256};
    let BlobPlace::External { path } = &entry.place else {
        return Ok(Arc::new(stored.blob(entry)?));
    };
    let path = folder.join(path);
    let bytes = std::fs::read(&path).map_err(|error| {
        let message = format!(
            "the index keeps its {} at {}, which cannot be read ({error}): put the file back",
            entry.name,
            path.display()
        );
        Error::with_source(ErrorKind::Model, message, error)
    })?;
    if <[u8; 32]>::from(Sha256::digest(&bytes)) != entry.sha256 {
        return Err(Error::new(
            ErrorKind::ModelMismatch,
            format!(
                "{} is not the {} the index was made with: put the original file back",
                path.display(),
                entry.name
            ),
        ));
    }
    Ok(Arc::new(bytes))
}
