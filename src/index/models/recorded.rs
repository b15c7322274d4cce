//! The models that an index file holds or names, brought back when it is opened.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::encode::{DocidTokenizer, TextEncoder};
use crate::format::{BlobEntry, BlobPlace, BlobRole};
use crate::index::options::OpenOptions;
use crate::model::language::Adapter;
use crate::model::trust::{self, ModelFile};
use crate::segment::EncoderParams;
use crate::store;
use crate::{Error, ErrorKind, Result};

/// The encoder that the file holds or names.
///
/// # Errors
///
/// `UntrustedModel` when this machine does not know it; `Model`, `ModelMismatch`, `Runtime` or
/// `Device` when it cannot be loaded.
pub(super) fn encoder(
    stored: &store::Snapshot,
    params: &EncoderParams,
    options: &OpenOptions,
) -> Result<Arc<dyn TextEncoder>> {
    if !options.trust_model {
        let unknown = trust::unknown(model_files(stored, &MODEL_ROLES));
        if !unknown.is_empty() {
            return Err(trust::question(&unknown));
        }
    }
    let blob = |role: BlobRole| {
        blob(stored, role)?.ok_or_else(|| {
            Error::new(
                ErrorKind::Model,
                format!(
                    "the index was made with a custom encoder ({}): give it in OpenOptions::encoder",
                    params.fingerprint
                ),
            )
        })
    };
    let (model, tokenizer) = (blob(BlobRole::Encoder)?, blob(BlobRole::Tokenizer)?);
    let model = match self::blob(stored, BlobRole::TokenHead)? {
        None => model,
        Some(head) => Arc::new([(*model).as_ref(), (*head).as_ref()].concat()),
    };
    let bytes = crate::model::EncoderBytes {
        model,
        tokenizer: (*tokenizer).as_ref(),
        pooling: crate::model::Pooling::from_name(&params.pooling)?,
        max_len_tokens: params.max_model_tokens,
        lower_case: params.lower_case,
        late_interaction: params.late_interaction.clone(),
    };
    Ok(Arc::new(crate::model::Encoder::from_bytes(
        bytes,
        &options.encoder_options,
    )?))
}

/// The files of these roles that the index holds or names, as its manifest has them.
pub(super) fn model_files(stored: &store::Snapshot, roles: &[BlobRole]) -> Vec<ModelFile> {
    let blobs = stored.manifest().blobs.iter();
    blobs
        .filter(|blob| roles.contains(&blob.role))
        .map(|blob| ModelFile {
            name: blob.name.clone(),
            sha256: blob.sha256,
            len_bytes: blob.len_bytes,
        })
        .collect()
}

/// Makes the models of an index known to this machine.
pub(in crate::index) fn remember(
    stored: &store::Snapshot,
    language_model: Option<&std::path::Path>,
) -> Result<()> {
    // What the manifest says of them must be true.
    for role in MODEL_ROLES {
        blob(stored, role)?;
    }
    let mut files = model_files(stored, &MODEL_ROLES);
    // It may not be on this machine, and is asked about when it is.
    files.extend(language_model.and_then(|folder| trust::of_language_model(folder).ok()));
    trust::remember(files)
}

/// What of an index is a model, or a part of one.
const MODEL_ROLES: [BlobRole; 5] = [
    BlobRole::Encoder,
    BlobRole::Tokenizer,
    BlobRole::TokenHead,
    BlobRole::DocidTokenizer,
    BlobRole::Adapter,
];

/// The tokenizer that the file keeps for its docids, if any.
pub(super) fn docid_tokenizer(stored: &store::Snapshot) -> Result<Option<Arc<dyn DocidTokenizer>>> {
    let Some(bytes) = blob(stored, BlobRole::DocidTokenizer)? else {
        return Ok(None);
    };
    let tokenizer = crate::model::Tokenizer::from_bytes((*bytes).as_ref())?;
    Ok(Some(Arc::new(tokenizer)))
}

/// What a training changed of the language model, if the file has an adapter.
///
/// # Errors
///
/// `Corrupt` or `Model` when it is damaged, `UnsupportedVersion` or `Io` when it cannot be read.
pub(in crate::index) fn adapter(stored: &store::Snapshot) -> Result<Option<Adapter>> {
    let bytes = blob(stored, BlobRole::Adapter)?;
    bytes
        .map(|bytes| Adapter::from_bytes((*bytes).as_ref()))
        .transpose()
}

/// The blob of a role, if the file names one.
fn blob(stored: &store::Snapshot, role: BlobRole) -> Result<Option<crate::model::ModelBytes>> {
    let folder = stored.path().parent();
    let folder = folder.unwrap_or(std::path::Path::new(""));
    let mut blobs = stored.manifest().blobs.iter();
    let entry = blobs.find(|blob| blob.role == role);
    entry
        .map(|entry| blob_bytes(stored, folder, entry))
        .transpose()
}

fn blob_bytes(
    stored: &store::Snapshot,
    folder: &std::path::Path,
    entry: &BlobEntry,
) -> Result<crate::model::ModelBytes> {
    let BlobPlace::External { path } = &entry.place else {
        let bytes = stored.blob(entry)?;
        // Models are known by this hash, so it is looked at even where checksums are right.
        if <[u8; 32]>::from(Sha256::digest(&bytes)) != entry.sha256 {
            return Err(Error::corrupt(format_args!(
                "blob {} has another SHA-256 than its manifest entry",
                entry.name
            )));
        }
        return Ok(Arc::new(bytes));
    };
    let path = folder.join(path);
    let another = || {
        Error::new(
            ErrorKind::ModelMismatch,
            format!(
                "{} is not the {} the index was made with: put the original file back",
                path.display(),
                entry.name
            ),
        )
    };
    let read = store::regular_file::read(&path, entry.len_bytes);
    let bytes = read.map_err(|error| match error.kind() {
        std::io::ErrorKind::FileTooLarge => another(),
        _ => {
            let message = format!(
                "the index keeps its {} at {}, which cannot be read ({error}): put the file back",
                entry.name,
                path.display()
            );
            Error::with_source(ErrorKind::Model, message, error)
        }
    })?;
    if <[u8; 32]>::from(Sha256::digest(&bytes)) != entry.sha256 {
        return Err(another());
    }
    Ok(Arc::new(bytes))
}
