//! ONNX Runtime on this machine.
//!
//! | file | concept |
//! |---|---|
//! | [`cache`] | where the library and the default model live |
//! | `load` | find the library, check its version, load it once per process |
//! | `library_file`, `version` | looking at the file before it is loaded |
//! | [`device`] | CPU or CUDA, threads |
//! | `session` | from a graph to something that runs |
//! | `session_pool` | sessions that threads take turns on |

pub mod cache;
pub mod device;
mod library_file;
mod load;
pub(super) mod session;
pub(super) mod session_pool;
mod version;

pub use load::{Runtime, TELEMETRY_VARIABLE, is_library_name};
