//! The encoder of an index: taken in when it is created, brought back when it is opened.

use std::sync::Arc;

use super::new_blob::NewBlob;
use super::no_encoder::NoEncoder;
use crate::encode::{CheckedEncoder, DocidTokenizer, TextEncoder};
#[cfg(feature = "models")]
use crate::format::{BlobEntry, BlobPlace, BlobRole};
use crate::index::options::{EncoderSource, IndexOptions, OpenOptions};
#[cfg(feature = "models")]
use crate::model::trust::{self, ModelFile};
use crate::segment::{EncoderParams, IndexParams, LanguageModelParams};
use crate::store;
use crate::{Error, ErrorKind, Result};

/// The encoder of a new index, and what of it goes into the file.
pub(in crate::index) struct NewEncoder {
    pub(in crate::index) encoder: Arc<dyn TextEncoder>,
    /// `None`: that of the encoder.
    pub(in crate::index) docid_tokenizer: Option<Arc<dyn DocidTokenizer>>,
    pub(in crate::index) blobs: Vec<NewBlob>,
    pub(in crate::index) pooling: String,
    pub(in crate::index) max_model_tokens: usize,
    pub(in crate::index) lower_case: bool,
    pub(in crate::index) query_prompt: String,
    pub(in crate::index) document_prompt: String,
    pub(in crate::index) language_model: Option<LanguageModelParams>,
}

impl NewEncoder {
    /// An encoder of which nothing is kept.
    fn bare(encoder: Arc<dyn TextEncoder>) -> Self {
        NewEncoder {
            encoder,
            docid_tokenizer: None,
            blobs: Vec::new(),
            pooling: String::new(),
            max_model_tokens: 0,
            lower_case: false,
            query_prompt: String::new(),
            document_prompt: String::new(),
            language_model: None,
        }
    }
}

impl NewEncoder {
    /// Encoder and docid tokenizer, as the index uses them.
    pub(in crate::index) fn loaded(&self) -> Loaded {
        Loaded {
            encoder: CheckedEncoder::new(self.encoder.clone()),
            docid_tokenizer: self.docid_tokenizer.clone(),
        }
    }
}

/// The encoder of an index, and what makes tokens of its docids.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) encoder: CheckedEncoder,
    docid_tokenizer: Option<Arc<dyn DocidTokenizer>>,
}

impl Loaded {
    /// The tokenizer of the docids: the encoder's, unless the index was made for a language model.
    pub(crate) fn docid_tokenizer(&self) -> &dyn DocidTokenizer {
        match &self.docid_tokenizer {
            Some(tokenizer) => &**tokenizer,
            None => self.encoder.unchecked().tokenizer(),
        }
    }
}

/// Loads the encoder of a new index, and the tokenizer of its language model.
pub(in crate::index) fn load_new(options: &IndexOptions) -> Result<NewEncoder> {
    let new = load_encoder(options)?;
    #[cfg(feature = "models")]
    if matches!(options.encoder, EncoderSource::Folder(_)) {
        // Whoever builds with a folder trusts it. Without a list, opening the index asks.
        let _ = trust::remember(new.blobs.iter().map(NewBlob::model_file).collect());
    }
    #[cfg(feature = "models")]
    if let Some(language) = super::language::load_new(options)? {
        let mut blobs = new.blobs;
        blobs.push(language.blob);
        return Ok(NewEncoder {
            docid_tokenizer: Some(Arc::new(language.tokenizer)),
            language_model: Some(language.params),
            blobs,
            ..new
        });
    }
    Ok(new)
}

fn load_encoder(options: &IndexOptions) -> Result<NewEncoder> {
    match &options.encoder {
        EncoderSource::None => Ok(NewEncoder::bare(Arc::new(NoEncoder))),
        EncoderSource::Custom(encoder) => Ok(NewEncoder::bare(encoder.clone())),
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
    if files.has_weights_beside && !options.embed_encoder {
        return Err(Error::invalid(format!(
            "the weights of {} are in other files: embed the encoder in the index, or use a model \
             of one file",
            files.model_path.display()
        )));
    }
    let model_outside = outside(&files.model_path)?;
    let graph_len = files.model.len().saturating_sub(files.token_head_len_bytes);
    let (graph, token_head) = files.model.split_at(graph_len);
    // The file outside is without its token head.
    let head_apart = model_outside.is_some() && !token_head.is_empty();
    let mut blobs = vec![
        NewBlob {
            role: BlobRole::Encoder,
            name: "model.onnx",
            media_type: "application/onnx",
            outside: model_outside,
            bytes: match head_apart {
                true => Arc::new(graph.to_vec()),
                false => files.model.clone(),
            },
        },
        NewBlob {
            role: BlobRole::Tokenizer,
            name: "tokenizer.json",
            media_type: "application/json",
            outside: outside(&files.tokenizer_path)?,
            bytes: Arc::new(files.tokenizer),
        },
    ];
    if head_apart {
        blobs.push(NewBlob::inside(
            BlobRole::TokenHead,
            "token_head.onnx",
            "application/onnx",
            Arc::new(token_head.to_vec()),
        ));
    }
    let settings = files.settings;
    Ok(NewEncoder {
        blobs,
        pooling: settings.pooling.unwrap_or_default().name().to_owned(),
        max_model_tokens: settings.max_len_tokens,
        lower_case: settings.lower_case,
        query_prompt: settings.query_prompt,
        document_prompt: settings.document_prompt,
        language_model: None,
        docid_tokenizer: None,
        encoder: Arc::new(encoder),
    })
}

/// Loads the encoder an index was made with, and its docid tokenizer.
///
/// # Errors
///
/// `ModelMismatch` when they are others; those of loading them.
pub(crate) fn load_recorded(
    stored: &store::Snapshot,
    params: &IndexParams,
    options: &OpenOptions,
) -> Result<Loaded> {
    let encoder = match &options.encoder {
        Some(encoder) => encoder.clone(),
        None if NoEncoder::is_recorded(&params.encoder) => Arc::new(NoEncoder),
        None => from_store(stored, &params.encoder, options)?,
    };
    check(
        "encoder",
        &params.encoder.fingerprint,
        &encoder.fingerprint(),
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
    let loaded = Loaded {
        encoder: CheckedEncoder::new(encoder),
        docid_tokenizer: recorded_tokenizer(stored)?,
    };
    check(
        "tokenizer",
        &params.tokenizer.fingerprint,
        &loaded.docid_tokenizer().fingerprint(),
    )?;
    Ok(loaded)
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
fn from_store(
    _: &store::Snapshot,
    _: &EncoderParams,
    _: &OpenOptions,
) -> Result<Arc<dyn TextEncoder>> {
    Err(Error::new(
        ErrorKind::Model,
        "this build has no model support: give the encoder in OpenOptions::encoder",
    ))
}

#[cfg(feature = "models")]
fn from_store(
    stored: &store::Snapshot,
    params: &EncoderParams,
    options: &OpenOptions,
) -> Result<Arc<dyn TextEncoder>> {
    if !options.trust_model {
        let unknown = trust::unknown(model_files(stored));
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
    };
    Ok(Arc::new(crate::model::Encoder::from_bytes(
        bytes,
        &options.encoder_options,
    )?))
}

/// The files of models that the index holds or names, as its manifest has them.
#[cfg(feature = "models")]
fn model_files(stored: &store::Snapshot) -> Vec<ModelFile> {
    let blobs = stored.manifest().blobs.iter();
    blobs
        .filter(|blob| MODEL_ROLES.contains(&blob.role))
        .map(|blob| ModelFile {
            name: blob.name.clone(),
            sha256: blob.sha256,
            len_bytes: blob.len_bytes,
        })
        .collect()
}

/// Makes the models of an index known to this machine.
#[cfg(feature = "models")]
pub(in crate::index) fn remember(
    stored: &store::Snapshot,
    language_model: Option<&std::path::Path>,
) -> Result<()> {
    // What the manifest says of them must be true.
    for role in MODEL_ROLES {
        blob(stored, role)?;
    }
    let mut files = model_files(stored);
    // It may not be on this machine, and is asked about when it is.
    files.extend(language_model.and_then(|folder| trust::of_language_model(folder).ok()));
    trust::remember(files)
}

/// What of an index is a model, or a part of one.
#[cfg(feature = "models")]
const MODEL_ROLES: [BlobRole; 4] = [
    BlobRole::Encoder,
    BlobRole::Tokenizer,
    BlobRole::TokenHead,
    BlobRole::DocidTokenizer,
];

/// The tokenizer that the file keeps for its docids, if any.
#[cfg(feature = "models")]
fn recorded_tokenizer(stored: &store::Snapshot) -> Result<Option<Arc<dyn DocidTokenizer>>> {
    let Some(bytes) = blob(stored, BlobRole::DocidTokenizer)? else {
        return Ok(None);
    };
    let tokenizer = crate::model::Tokenizer::from_bytes((*bytes).as_ref())?;
    Ok(Some(Arc::new(tokenizer)))
}

#[cfg(not(feature = "models"))]
fn recorded_tokenizer(_: &store::Snapshot) -> Result<Option<Arc<dyn DocidTokenizer>>> {
    Ok(None)
}

/// The blob of a role, if the file names one.
#[cfg(feature = "models")]
fn blob(stored: &store::Snapshot, role: BlobRole) -> Result<Option<crate::model::ModelBytes>> {
    let folder = stored.path().parent();
    let folder = folder.unwrap_or(std::path::Path::new(""));
    let mut blobs = stored.manifest().blobs.iter();
    let entry = blobs.find(|blob| blob.role == role);
    entry
        .map(|entry| blob_bytes(stored, folder, entry))
        .transpose()
}

#[cfg(feature = "models")]
fn blob_bytes(
    stored: &store::Snapshot,
    folder: &std::path::Path,
    entry: &BlobEntry,
) -> Result<crate::model::ModelBytes> {
    use sha2::{Digest, Sha256};
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
