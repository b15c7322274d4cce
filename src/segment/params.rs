//! Everything that shapes a result, recorded in the file as one JSON object (`ARCHITECTURE.md`,
//! D10).

mod judged;
mod numbers;
mod search;

pub use judged::{HeldOut, JudgedPart, JudgedPartName, JudgedRecord};
pub(crate) use numbers::check_number;
pub use search::SearchParams;

use serde::{Deserialize, Serialize};

use crate::docs::FieldTypes;
use crate::encode::LateInteraction;
use crate::lexicon::{ANALYSIS, Analyser, Bm25};
use crate::trie::TokenWidth;
use crate::{Error, ErrorKind, Result};

/// The parameters of an index. They are fixed when it is created, except `fields`, which grow,
/// `training`, and `search` and `judged`, which judgements change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexParams {
    /// The encoder that made the vectors.
    pub encoder: EncoderParams,
    /// The tokenizer of the docids.
    pub tokenizer: TokenizerParams,
    /// The language model that can answer queries, if the index was made for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_model: Option<LanguageModelParams>,
    /// How docids are made for documents that bring none.
    pub docids: DocidParams,
    /// How pseudo-queries are made.
    pub pseudo_queries: PseudoQueryParams,
    /// How long documents are cut into passages; none is, where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passages: Option<PassageParams>,
    /// The fields of documents that can be filtered by; none where it is not said.
    #[serde(default, skip_serializing_if = "FieldTypes::is_empty")]
    pub fields: FieldTypes,
    /// Sharpness of every softmax: the factor on the inner product of unit vectors.
    pub scale: f32,
    /// Defaults of a search.
    pub search: SearchParams,
    /// How texts become terms, and how terms score.
    pub lexicon: LexiconParams,
    /// The last training, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingRecord>,
    /// What was learnt from judgements, if anything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<JudgedRecord>,
}

/// The encoder an index depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderParams {
    /// Identifies the function it computes.
    pub fingerprint: String,
    /// Values per vector.
    pub dim: usize,
    /// Tokens of a document (title and text) that are encoded.
    pub max_passage_tokens: usize,
    /// Tokens of a query (with its instruction) that are encoded.
    pub max_query_tokens: usize,
    /// How token vectors become one, in the encoder's own terms; empty for a custom encoder.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pooling: String,
    /// The most tokens the model can read; 0 for a custom encoder.
    pub max_model_tokens: usize,
    /// Texts are made lower case before they are tokenised.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lower_case: bool,
    /// What stands before every query that is encoded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query_prompt: String,
    /// What stands before every document that is encoded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub document_prompt: String,
    /// How queries and documents are read, for an encoder whose tokens are trained to be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_interaction: Option<LateInteraction>,
    /// Whether vectors of the documents' tokens are kept, to be compared with the query's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub token_vectors: bool,
}

/// The language model that an index was made for: its tokens are those of the docids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanguageModelParams {
    /// For people.
    pub name: String,
    /// Identifies weights, tokenizer and chat template.
    pub fingerprint: String,
    /// Where its folder was.
    pub folder: String,
    /// The token that ends a docid.
    pub end_token: u32,
    /// Tokens of an instruction that are read.
    pub max_instruction_tokens: usize,
    /// Tokens of a query that are read.
    pub max_query_tokens: usize,
    /// The token whose logit behind a docid scores a drawn document, if the model was trained
    /// for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerank_token: Option<u32>,
}

/// The tokenizer an index depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerParams {
    /// Identifies it.
    pub fingerprint: String,
    /// Token ids are below this.
    pub vocabulary_size: usize,
    /// Bytes per token in the trie's keys.
    pub token_width_bytes: usize,
}

/// Where docids come from when the input has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DocidSource {
    /// The document's keywords by weight, one docid led by each of the first.
    Keywords,
    /// The document's title.
    Title,
}

/// How docids are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocidParams {
    /// Where they come from.
    pub source: DocidSource,
    /// Words per keyword docid.
    pub words: usize,
    /// Docids per document.
    pub per_document: usize,
    /// Who wrote the docids that documents brought when the index was built, if a language model
    /// did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<String>,
}

/// The measured defaults.
impl Default for DocidParams {
    fn default() -> Self {
        DocidParams {
            source: DocidSource::Keywords,
            words: 7,
            per_document: 3,
            writer: None,
        }
    }
}

/// How pseudo-queries are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PseudoQueryParams {
    /// Pseudo-queries per document.
    pub per_document: usize,
}

/// The measured default.
impl Default for PseudoQueryParams {
    fn default() -> Self {
        PseudoQueryParams { per_document: 8 }
    }
}

/// How long documents are cut into passages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassageParams {
    /// Tokens up to which a text stays whole.
    pub whole_tokens: usize,
    /// Tokens of a passage at most, its title and headings not counted.
    pub max_tokens: usize,
}

/// The measured defaults (`benches/QUALITY.md`).
impl Default for PassageParams {
    fn default() -> Self {
        PassageParams {
            whole_tokens: 1280,
            max_tokens: 180,
        }
    }
}

/// The lexicon: from texts to terms, and from terms to scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LexiconParams {
    /// Number of the rules by which texts become terms. An index by other rules than
    /// [`ANALYSIS`] is not opened: its terms would be compared with those of a query in vain.
    pub analysis: u32,
    /// Words with a common English stem are one term.
    pub stemming: bool,
    /// English function words and single letters are minor terms: for queries of nothing else.
    pub stop_words: bool,
    /// BM25: how much a repeated term adds.
    pub k1: f64,
    /// BM25: how much a long document is discounted.
    pub b: f64,
    /// What BM25 of the queries that a language model wrote for a document counts beside that of
    /// its text; at 0 they are for training alone.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub expansion_weight: f64,
}

impl Default for LexiconParams {
    fn default() -> Self {
        let (analyser, bm25) = (Analyser::default(), Bm25::default());
        LexiconParams {
            analysis: ANALYSIS,
            stemming: analyser.stemming,
            stop_words: analyser.stop_words,
            k1: bm25.k1,
            b: bm25.b,
            expansion_weight: 0.0,
        }
    }
}

impl LexiconParams {
    pub(crate) fn analyser(&self) -> Analyser {
        Analyser::new(self.stemming, self.stop_words)
    }

    pub(crate) fn bm25(&self) -> Bm25 {
        Bm25::new(self.k1, self.b)
    }

    /// What makes terms of written queries, where their words are searched.
    pub(crate) fn expansion(&self) -> Option<Analyser> {
        (self.expansion_weight > 0.0).then(|| self.analyser())
    }
}

/// What the last training did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecord {
    /// Seed of pseudo-queries, order of examples and dropout.
    pub seed: u64,
    /// Passages alive when it ran; most documents are one.
    pub documents: u64,
    /// Of these, fitted: all, or those that no training had seen before.
    pub learnt_documents: u64,
    /// Of the others, asked for again, so that they are not forgotten.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repeated_documents: u64,
    /// Pseudo-queries seen.
    pub pseudo_queries: u64,
    /// Queries that a language model had written for the documents.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub written_queries: u64,
    /// Of the pseudo-queries, held out to stop early.
    pub held_out: u64,
    /// The fit of the trie head.
    pub trie_head: FitRecord,
    /// The fit of the document head.
    pub document_head: FitRecord,
}

fn is_zero<T: PartialEq + Default>(value: &T) -> bool {
    *value == T::default()
}

/// What one fit did; losses are means over the held-out pseudo-queries, in nats.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitRecord {
    /// Examples seen.
    pub examples: usize,
    /// Examples seen when the kept parameters were reached; 0 = the initial ones were best.
    pub best_examples: usize,
    /// Loss before.
    pub initial_loss: f64,
    /// Loss of the kept parameters.
    pub best_loss: f64,
}

/// Tokens of a document that are encoded.
pub(crate) const MAX_PASSAGE_TOKENS: usize = 256;

/// Tokens of a query that are encoded.
pub(crate) const MAX_QUERY_TOKENS: usize = 256;

/// Sharpness of every softmax: what the retriever's prototype was measured with.
const SCALE: f32 = 20.0;

/// More values than any encoder gives: what is above it is damage.
const MAX_DIM: usize = 1 << 16;

impl IndexParams {
    /// The measured defaults with a given encoder and tokenizer.
    pub(crate) fn new(encoder: EncoderParams, tokenizer: TokenizerParams) -> Self {
        IndexParams {
            encoder,
            tokenizer,
            language_model: None,
            docids: DocidParams::default(),
            pseudo_queries: PseudoQueryParams::default(),
            passages: Some(PassageParams::default()),
            fields: FieldTypes::default(),
            scale: SCALE,
            search: SearchParams::default(),
            lexicon: LexiconParams::default(),
            training: None,
            judged: None,
        }
    }

    /// What [`IndexParams::to_json`] wrote, and nothing that it would not write.
    ///
    /// # Errors
    ///
    /// `UnsupportedVersion` for the parameters of another version; `Corrupt` for what is no JSON,
    /// and for values that no index can have.
    pub(crate) fn from_json(bytes: &[u8]) -> Result<Self> {
        let unreadable = |why: &dyn std::fmt::Display| {
            Error::corrupt(format!(
                "the parameters of the index are not readable: {why}"
            ))
        };
        let params: IndexParams = serde_json::from_slice(bytes).map_err(|error| {
            // Whole JSON that says other things: no damage under a checksum does that.
            match error.is_data() {
                true => of_another_version(format_args!("its parameters differ ({error})")),
                false => unreadable(&error),
            }
        })?;
        if params.lexicon.analysis != ANALYSIS {
            return Err(of_another_version(format_args!(
                "its words are taken from texts by rules {}, here by rules {ANALYSIS}",
                params.lexicon.analysis
            )));
        }
        params.check().map_err(|error| unreadable(&error))?;
        Ok(params)
    }

    /// The parameters as they are stored.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when [`IndexParams::from_json`] would not read them: JSON has no way to say
    /// that a number is none or infinite.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>> {
        self.check()?;
        serde_json::to_vec_pretty(self)
            .map_err(|error| Error::invalid(format!("parameters: {error}")))
    }

    /// Refuses values that no index can have.
    ///
    /// # Errors
    ///
    /// `InvalidInput`, with the name of the parameter.
    pub(crate) fn check(&self) -> Result<()> {
        let lexicon = &self.lexicon;
        if self
            .passages
            .as_ref()
            .is_some_and(|size| size.max_tokens == 0)
        {
            return Err(Error::invalid("passages.max_tokens is 0: give 1 or more"));
        }
        self.fields.check()?;
        check_number("scale", self.scale.into(), f64::MIN_POSITIVE..=1e6)?;
        self.search.check("search")?;
        self.judged.iter().try_for_each(JudgedRecord::check)?;
        if lexicon.analysis != ANALYSIS {
            return Err(Error::invalid(format!(
                "lexicon.analysis is {}; this version has rules {ANALYSIS} only",
                lexicon.analysis
            )));
        }
        check_number("lexicon.k1", lexicon.k1, 0.0..=1e9)?;
        check_number("lexicon.b", lexicon.b, 0.0..=1.0)?;
        let weight = lexicon.expansion_weight;
        check_number("lexicon.expansion_weight", weight, 0.0..=1e9)?;
        if let Some(training) = &self.training {
            for (name, fit) in [
                ("training.trie_head", &training.trie_head),
                ("training.document_head", &training.document_head),
            ] {
                check_number(name, fit.initial_loss, f64::MIN..=f64::MAX)?;
                check_number(name, fit.best_loss, f64::MIN..=f64::MAX)?;
            }
        }
        let dim = self.encoder.dim;
        if dim == 0 || dim > MAX_DIM {
            return Err(Error::invalid(format!(
                "encoder.dim is {dim}; an encoder gives vectors of 1 to {MAX_DIM} values"
            )));
        }
        let width = TokenWidth::for_vocabulary(self.tokenizer.vocabulary_size)?;
        let recorded = self.tokenizer.token_width_bytes;
        if recorded != width.bytes_per_token() {
            return Err(Error::invalid(format!(
                "tokenizer.token_width_bytes is {recorded}, and tokens below {} take {}",
                self.tokenizer.vocabulary_size,
                width.bytes_per_token()
            )));
        }
        Ok(())
    }
}

fn of_another_version(difference: std::fmt::Arguments<'_>) -> Error {
    let message = format!(
        "the index was made by another version of zerogr: {difference}; build it again from its \
         documents (`zerogr list --json`), or make an index of this version of it with `zerogr \
         recover`"
    );
    Error::new(ErrorKind::UnsupportedVersion, message)
}
