//! The encoder of an index: taken in when it is created, brought back when it is opened.

use std::sync::Arc;

use super::new_blob::NewBlob;
use super::no_encoder::NoEncoder;
#[cfg(feature = "models")]
use super::recorded;
#[cfg(feature = "models")]
use crate::convert;
use crate::encode::{CheckedEncoder, DocidTokenizer, LateInteraction, TextEncoder};
#[cfg(feature = "models")]
use crate::format::BlobRole;
use crate::index::options::{EncoderSource, IndexOptions, OpenOptions};
#[cfg(feature = "models")]
use crate::model::trust;
use crate::segment::{
    EncoderParams, IndexParams, LanguageModelParams, MAX_QUERY_TOKENS, SearchParams,
};
use crate::store;
use crate::{Error, ErrorKind, Result};

/// The encoder of a new index, and what of it goes into the file.
pub(in crate::index) struct NewEncoder {
    pub(in crate::index) encoder: Arc<dyn TextEncoder>,
    /// `None`: that of the encoder.
    pub(in crate::index) docid_tokenizer: Option<Arc<dyn DocidTokenizer>>,
    pub(in crate::index) blobs: Vec<NewBlob>,
    pooling: String,
    max_model_tokens: usize,
    lower_case: bool,
    query_prompt: String,
    document_prompt: String,
    late_interaction: Option<LateInteraction>,
    /// What BM25 counts beside it, if another share than the default is known to be better.
    prior_share: Option<f64>,
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
            late_interaction: None,
            prior_share: None,
            language_model: None,
        }
    }

    /// The encoder for an index that is there, whose docids keep the tokenizer that it has for them.
    ///
    /// # Errors
    ///
    /// `Corrupt` or `Model` when that tokenizer cannot be read.
    pub(in crate::index) fn for_index(self, stored: &store::Snapshot) -> Result<Self> {
        Ok(NewEncoder {
            docid_tokenizer: docid_tokenizer(stored)?,
            ..self
        })
    }

    /// What is recorded of it; `token_vectors` says whether those of documents are wanted.
    pub(in crate::index) fn params(
        &self,
        max_passage_tokens: usize,
        token_vectors: bool,
    ) -> EncoderParams {
        EncoderParams {
            fingerprint: self.encoder.fingerprint(),
            dim: self.encoder.dim(),
            max_passage_tokens,
            max_query_tokens: MAX_QUERY_TOKENS,
            pooling: self.pooling.clone(),
            max_model_tokens: self.max_model_tokens,
            lower_case: self.lower_case,
            query_prompt: self.query_prompt.clone(),
            document_prompt: self.document_prompt.clone(),
            late_interaction: self.late_interaction.clone(),
            token_vectors: token_vectors && self.encoder.has_token_vectors(),
        }
    }

    /// Search defaults for its index, of which others were `known`.
    pub(in crate::index) fn search_params(&self, known: SearchParams) -> SearchParams {
        SearchParams {
            prior_share: self
                .prior_share
                .unwrap_or_else(|| SearchParams::default().prior_share),
            ..known
        }
    }

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
    if matches!(
        options.encoder,
        EncoderSource::Static | EncoderSource::Folder(_)
    ) {
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
        EncoderSource::Static => {
            let device = &options.encoder_options;
            let dir = convert::installed_static_encoder(device, &mut |_, _| Ok(()))?;
            from_files(crate::model::EncoderFiles::from_dir(dir)?, options)
        }
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
        late_interaction: settings.late_interaction,
        prior_share: settings.prior_share,
        language_model: None,
        docid_tokenizer: None,
        encoder: Arc::new(encoder),
    })
}

/// The docid tokenizer in the file, if that is not the encoder's.
#[cfg(feature = "models")]
fn docid_tokenizer(stored: &store::Snapshot) -> Result<Option<Arc<dyn DocidTokenizer>>> {
    recorded::docid_tokenizer(stored)
}

/// Whatever tokenizer the file holds, nothing here can run it.
#[cfg(not(feature = "models"))]
fn docid_tokenizer(_: &store::Snapshot) -> Result<Option<Arc<dyn DocidTokenizer>>> {
    Ok(None)
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
        #[cfg(feature = "models")]
        None => recorded::encoder(stored, &params.encoder, options)?,
        #[cfg(not(feature = "models"))]
        None => {
            return Err(Error::new(
                ErrorKind::Model,
                "this build has no model support: give the encoder in OpenOptions::encoder",
            ));
        }
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
        docid_tokenizer: docid_tokenizer(stored)?,
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
