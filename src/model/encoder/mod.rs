//! The sentence encoder: texts to unit vectors.
//!
//! | file | concept |
//! |---|---|
//! | `encode` | an encoder in memory: loading, windows, sessions |
//! | `batches` | which texts run together |
//! | `graph` | one pass over the graph |
//! | `pooling` | from the vectors of tokens to that of a text |
//! | `files` | the folder that an encoder is read from |
//! | `settings`, `settings_file`, `engine_file` | what its files say of how texts become vectors |
//! | `late_interaction` | which tokens of queries and documents are read and compared, where encoders are trained for that |

mod asked;
mod batches;
mod encode;
mod engine_file;
mod files;
mod graph;
mod late_interaction;
mod lower_case;
mod pooling;
mod settings;
mod settings_file;

pub use encode::Encoder;
pub(crate) use engine_file::ENGINE_FILE;
pub use files::{EncoderBytes, EncoderFiles, ModelBytes};
pub(crate) use graph::QUERY_TOKEN_WEIGHTS;
pub use pooling::Pooling;
pub use settings::EncoderSettings;
pub(crate) use settings_file::SettingsFile;
