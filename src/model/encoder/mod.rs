//! The sentence encoder: texts to unit vectors.
//!
//! | file | concept |
//! |---|---|
//! | `encode` | an encoder in memory: loading, windows, sessions |
//! | `batches` | which texts run together |
//! | `graph` | one pass over the graph |
//! | `pooling` | from the vectors of tokens to that of a text |
//! | `files` | the folder that an encoder is read from |
//! | `settings` | what its files say of how texts become vectors |

mod batches;
mod encode;
mod files;
mod graph;
mod lower_case;
mod pooling;
mod settings;

pub use encode::Encoder;
pub use files::{EncoderBytes, EncoderFiles, ModelBytes};
pub(crate) use graph::QUERY_TOKEN_WEIGHTS;
pub use pooling::Pooling;
pub(crate) use settings::ENGINE_FILE;
pub use settings::EncoderSettings;
