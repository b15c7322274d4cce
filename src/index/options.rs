//! How an index is created and opened.

#[cfg(feature = "models")]
use std::path::PathBuf;
use std::sync::Arc;

use crate::docs::{FieldType, FieldTypes};
use crate::encode::TextEncoder;
#[cfg(feature = "models")]
use crate::model::EncoderOptions;
use crate::segment::{
    DocidParams, DocidSource, LexiconParams, MAX_PASSAGE_TOKENS, PassageParams, PseudoQueryParams,
};
use crate::store::WriteOptions;
use crate::{Error, Result};

/// Where the encoder of a new index comes from.
#[derive(Clone)]
#[non_exhaustive]
pub enum EncoderSource {
    /// all-MiniLM-L6-v2 from where `zerogr setup` put it.
    #[cfg(feature = "models")]
    Installed,
    /// A table of token vectors, distilled from the installed encoder the first time it is asked for
    /// and kept in the cache folder: vectors at once, which say less.
    #[cfg(feature = "models")]
    Static,
    /// A folder in the layout of sentence-transformers with an ONNX graph.
    #[cfg(feature = "models")]
    Folder(PathBuf),
    /// No encoder: the index is searched by words alone, and needs no model.
    None,
    /// The application's own; it must be given again whenever the index is opened.
    Custom(Arc<dyn TextEncoder>),
}

impl std::fmt::Debug for EncoderSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            #[cfg(feature = "models")]
            EncoderSource::Installed => f.write_str("Installed"),
            #[cfg(feature = "models")]
            EncoderSource::Static => f.write_str("Static"),
            #[cfg(feature = "models")]
            EncoderSource::Folder(path) => f.debug_tuple("Folder").field(path).finish(),
            EncoderSource::None => f.write_str("None"),
            EncoderSource::Custom(encoder) => f
                .debug_tuple("Custom")
                .field(&encoder.fingerprint())
                .finish(),
        }
    }
}

/// How a new index is made. All of it is recorded in the file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct IndexOptions {
    /// The encoder.
    pub encoder: EncoderSource,
    /// Keep the encoder inside the index file (default), or outside by path and hash.
    pub embed_encoder: bool,
    /// Docids of documents that bring none.
    pub docids: DocidSource,
    /// Keyword docids per document, each led by another keyword.
    pub docids_per_document: usize,
    /// Words per keyword docid.
    pub docid_words: usize,
    /// Who wrote the docids that documents bring, to be recorded; no one is asked to.
    pub docid_writer: Option<String>,
    /// Pseudo-queries per document.
    pub pseudo_queries_per_document: usize,
    /// Tokens of a passage that are encoded, title and headings included.
    pub max_passage_tokens: usize,
    /// How long documents are cut into passages. `None`: they stay whole, and the encoder reads how
    /// they begin.
    pub passages: Option<PassageParams>,
    /// Keep vectors of the tokens of documents, if the encoder has them: about 50 bytes per
    /// distinct token of the part that is encoded. Reranking compares them with the query's.
    pub token_vectors: bool,
    /// Fields whose types are known beforehand; others get theirs from their first values.
    pub fields: FieldTypes,
    /// How texts become terms for lexical search, and how terms score.
    pub lexicon: LexiconParams,
    /// `Some`: everything random in the file (its id, nonces) follows from this seed and no time
    /// is recorded, so that equal input gives equal bytes.
    pub file_seed: Option<u64>,
    /// Device and threads of the encoder.
    #[cfg(feature = "models")]
    pub encoder_options: EncoderOptions,
    /// Folder of an imported language model that can answer queries: the docids are made of its
    /// tokens. The model stays there; its tokenizer is kept in the index.
    #[cfg(feature = "models")]
    pub language_model: Option<PathBuf>,
    /// The token whose logit behind a docid scores a drawn document, for a language model that
    /// was trained for that (ZeroGR, arXiv 2510.10419, rerank). Without it, that of the adapter that
    /// a training made.
    #[cfg(feature = "models")]
    pub rerank_token: Option<u32>,
}

impl IndexOptions {
    /// The measured defaults with a given encoder.
    pub fn with_encoder(encoder: EncoderSource) -> Self {
        let docids = DocidParams::default();
        IndexOptions {
            encoder,
            embed_encoder: true,
            docids: docids.source,
            docids_per_document: docids.per_document,
            docid_words: docids.words,
            docid_writer: docids.writer,
            pseudo_queries_per_document: PseudoQueryParams::default().per_document,
            max_passage_tokens: MAX_PASSAGE_TOKENS,
            passages: Some(PassageParams::default()),
            token_vectors: true,
            fields: FieldTypes::default(),
            lexicon: LexiconParams::default(),
            file_seed: None,
            #[cfg(feature = "models")]
            encoder_options: EncoderOptions::default(),
            #[cfg(feature = "models")]
            language_model: None,
            #[cfg(feature = "models")]
            rerank_token: None,
        }
    }

    /// An index without an encoder, to be searched by words alone ([`Mode::Lexical`], which is also
    /// what [`Mode::Planned`] is there). It works without the feature `models`.
    ///
    /// [`Mode::Lexical`]: crate::Mode::Lexical
    /// [`Mode::Planned`]: crate::Mode::Planned
    pub fn lexical() -> Self {
        IndexOptions {
            docids_per_document: 1,
            ..IndexOptions::with_encoder(EncoderSource::None)
        }
    }

    /// The defaults, with the installed encoder; without the feature `models`, as
    /// [`IndexOptions::lexical`].
    pub fn new() -> Self {
        IndexOptions::default()
    }

    /// Sets the encoder.
    pub fn encoder(mut self, encoder: EncoderSource) -> Self {
        self.encoder = encoder;
        self
    }

    /// Sets how many keyword docids a document gets.
    pub fn docids_per_document(mut self, count: usize) -> Self {
        self.docids_per_document = count;
        self
    }

    /// Sets how many words a keyword docid has.
    pub fn docid_words(mut self, count: usize) -> Self {
        self.docid_words = count;
        self
    }

    /// Sets who wrote the docids that documents bring.
    pub fn docid_writer(mut self, writer: impl Into<String>) -> Self {
        self.docid_writer = Some(writer.into());
        self
    }

    /// Sets how many pseudo-queries a document gets.
    pub fn pseudo_queries_per_document(mut self, count: usize) -> Self {
        self.pseudo_queries_per_document = count;
        self
    }

    /// Sets how many tokens of a passage are encoded.
    pub fn max_passage_tokens(mut self, count: usize) -> Self {
        self.max_passage_tokens = count;
        self
    }

    /// Sets how long documents are cut into passages; `None` leaves them whole.
    pub fn passages(mut self, passages: impl Into<Option<PassageParams>>) -> Self {
        self.passages = passages.into();
        self
    }

    /// Sets device and threads of the encoder.
    #[cfg(feature = "models")]
    pub fn encoder_options(mut self, options: EncoderOptions) -> Self {
        self.encoder_options = options;
        self
    }

    /// Sets the token whose logit scores a drawn document.
    #[cfg(feature = "models")]
    pub fn rerank_token(mut self, token: u32) -> Self {
        self.rerank_token = Some(token);
        self
    }

    /// Refuses counts that leave nothing to do. The numbers that are recorded are checked with the
    /// parameters.
    pub(super) fn check(&self) -> Result<()> {
        for (name, count) in [
            ("docids_per_document", self.docids_per_document),
            ("docid_words", self.docid_words),
            ("max_passage_tokens", self.max_passage_tokens),
            (
                "passages.max_tokens",
                self.passages.as_ref().map_or(1, |size| size.max_tokens),
            ),
        ] {
            if count == 0 {
                return Err(Error::invalid(format!("{name} is 0: give 1 or more")));
            }
        }
        Ok(())
    }

    /// Sets the folder of a language model that can answer queries.
    #[cfg(feature = "models")]
    pub fn language_model(mut self, folder: impl Into<PathBuf>) -> Self {
        self.language_model = Some(folder.into());
        self
    }

    /// Sets the seed that makes the file reproducible.
    pub fn file_seed(mut self, seed: u64) -> Self {
        self.file_seed = Some(seed);
        self
    }

    /// Sets where docids come from.
    pub fn docids(mut self, source: DocidSource) -> Self {
        self.docids = source;
        self
    }

    /// Sets whether vectors of the tokens of documents are kept.
    pub fn token_vectors(mut self, keep: bool) -> Self {
        self.token_vectors = keep;
        self
    }

    /// Gives a field its type, where its first value would not tell: a whole number in a field of
    /// floats, or a filter before there is any value.
    pub fn field(mut self, name: impl Into<String>, of: FieldType) -> Self {
        self.fields.declare(name.into(), of);
        self
    }

    /// Sets how texts become terms for lexical search, and how terms score.
    pub fn lexicon(mut self, lexicon: LexiconParams) -> Self {
        self.lexicon = lexicon;
        self
    }

    /// Sets whether the encoder is kept inside the index file.
    pub fn embed_encoder(mut self, embed: bool) -> Self {
        self.embed_encoder = embed;
        self
    }
}

/// The installed encoder; without the feature `models` none.
impl Default for IndexOptions {
    fn default() -> Self {
        #[cfg(feature = "models")]
        return IndexOptions::with_encoder(EncoderSource::Installed);
        #[cfg(not(feature = "models"))]
        IndexOptions::lexical()
    }
}

/// How an existing index is opened.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct OpenOptions {
    /// The encoder of an index made with [`EncoderSource::Custom`].
    pub encoder: Option<Arc<dyn TextEncoder>>,
    /// How [`Index`](super::Index) writes where nothing else is said.
    pub write_options: WriteOptions,
    /// Device and threads of the encoder.
    #[cfg(feature = "models")]
    pub encoder_options: EncoderOptions,
    /// Where the language model is that the index was made for, if its folder was moved.
    #[cfg(feature = "models")]
    pub language_model: Option<PathBuf>,
    /// Run the models that the index brings although this machine does not know them. Without it,
    /// models of an index run if they belong to this build, or if an index was built with them or
    /// they were imported on this machine; an encoder given here is always run.
    #[cfg(feature = "models")]
    pub trust_model: bool,
}

impl OpenOptions {
    /// The encoder that the file holds or names, on any device.
    pub fn new() -> Self {
        OpenOptions::default()
    }

    /// Sets a custom encoder.
    pub fn encoder(mut self, encoder: Arc<dyn TextEncoder>) -> Self {
        self.encoder = Some(encoder);
        self
    }

    /// Sets how to write: how long to wait for another writer, and what commits wait for. It holds
    /// for [`Index::writer`](super::Index::writer), and for what writes by itself, such as
    /// [`Index::train`](super::Index::train) and [`Index::vacuum`](super::Index::vacuum).
    pub fn write_options(mut self, options: WriteOptions) -> Self {
        self.write_options = options;
        self
    }

    /// Sets device and threads of the encoder.
    #[cfg(feature = "models")]
    pub fn encoder_options(mut self, options: EncoderOptions) -> Self {
        self.encoder_options = options;
        self
    }

    /// Sets where the language model is that the index was made for.
    #[cfg(feature = "models")]
    pub fn language_model(mut self, folder: impl Into<PathBuf>) -> Self {
        self.language_model = Some(folder.into());
        self
    }

    /// Sets whether models of the index run that this machine does not know. A model is a program:
    /// only for an index from somebody who is trusted.
    #[cfg(feature = "models")]
    pub fn trust_model(mut self, trust: bool) -> Self {
        self.trust_model = trust;
        self
    }
}

impl std::fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fingerprint = self.encoder.as_ref().map(|encoder| encoder.fingerprint());
        f.debug_struct("OpenOptions")
            .field("encoder", &fingerprint)
            .finish_non_exhaustive()
    }
}
