//! What a checkpoint is, whatever files it is published in.
//!
//! | file | concept |
//! |---|---|
//! | `decoder_config` | sizes, rotary positions, which parts a family has |
//! | `tensors` | weights by name, a few rows at a time |
//! | `layout` | which tensors a decoder has; each is used, or refused by name |
//! | `settings` | tables of what every key of a checkpoint means |
//! | `texts` | how texts begin and end, and how a chat is written |
//! | `files` | opening files that may be something else than their names say |

use std::path::PathBuf;

pub(super) mod decoder_config;
pub(super) mod files;
pub(super) mod layout;
pub(super) mod settings;
pub(super) mod tensors;
pub(super) mod texts;

use decoder_config::DecoderConfig;
use tensors::TensorSource;
use texts::Texts;

/// A checkpoint, opened and checked.
pub(super) struct Checkpoint {
    pub config: DecoderConfig,
    pub tensors: Box<dyn TensorSource>,
    pub tokenizer: Vec<u8>,
    pub texts: Texts,
    /// The files that the weights come from.
    pub files: Vec<PathBuf>,
}
