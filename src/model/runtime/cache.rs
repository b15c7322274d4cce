//! Where ONNX Runtime and the default model live on this machine.
//!
//! ```text
//! $ZEROGR_HOME, or <platform cache folder>/zerogr
//! ├── onnxruntime-1.28.0/            shared library, LICENSE, ThirdPartyNotices.txt
//! ├── trusted-models                 hashes of models that may run
//! └── models/
//!     └── all-MiniLM-L6-v2-fused/    model.onnx, tokenizer.json, pooling settings, NOTICE
//! ```
//!
//! `zerogr setup` fills the folder; the library reads it, and adds to `trusted-models`. A sub-folder appears by one
//! rename, so a sub-folder that exists is complete. `trusted-models` lists the models that an index
//! may run here, by hash: building an index and importing a model add to it.

use std::env;
use std::path::PathBuf;

use crate::{Error, ErrorKind, Result};

/// The version of ONNX Runtime that `zerogr setup` installs.
pub const RUNTIME_VERSION: &str = "1.28.0";

/// SHA-256 of the library that `zerogr setup` installs on this platform, in lower-case hexadecimal;
/// `None` where none is published.
pub const RUNTIME_SHA256: Option<&str> = if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
    Some("aa4079d18f4ea7a5f3a94d80cd4bbe0f2740436626622d64d793803a20381083")
} else if cfg!(all(target_os = "linux", target_arch = "aarch64")) {
    Some("23a37c2994bc273e1d59a4f49af6cba5bf1cfbc29f04907ec27df375aba50a7d")
} else if cfg!(all(target_os = "macos", target_arch = "aarch64")) {
    Some("99909e99214e31fe2296c9f7fae5abc2eaf0145342efe8b0a6ed82e9ddb0a0a0")
} else if cfg!(all(windows, target_arch = "x86_64")) {
    Some("14e186627f109a15f28f0b36f6e8ea07c79eac666818e63c39a9792f415bf649")
} else {
    None
};

/// Folder name of the default sentence encoder.
pub const DEFAULT_MODEL: &str = "all-MiniLM-L6-v2-fused";

/// SHA-256 of the `model.onnx` of the default sentence encoder, in lower-case hexadecimal.
pub const DEFAULT_MODEL_SHA256: &str =
    "27b857ebe7aa05ff36ebf736c09a4b6cf7a7947ff5f88462e96d799b9099094f";

/// The token head of the default sentence encoder: a part of an ONNX graph that belongs behind its
/// `model.onnx`, made by `benches/token_head.py` (see `minilm/NOTICE`).
pub const DEFAULT_TOKEN_HEAD: &[u8] = include_bytes!("../minilm/token_head.onnx");

/// SHA-256 of the default sentence encoder with its token head behind it, in lower-case hexadecimal.
pub const DEFAULT_ENCODER_SHA256: &str =
    "276a75b500f5b2f22292fb396613904e15af149fccd97f9858dde861b762cc74";

/// SHA-256 of what the default sentence encoder was in earlier versions, alone and with its token head:
/// indexes have it inside.
pub const EARLIER_ENCODERS_SHA256: [&str; 2] = [
    "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    "ecfd0e5d380dd37b7a2393becc0d2301b7fe6b563be666a126a1ed8283f3ba6c",
];

/// The most tokens that the default sentence encoder reads, special tokens included.
pub const DEFAULT_MAX_LEN_TOKENS: usize = 256;

/// The tokenizer of the default sentence encoder (Apache-2.0, see `minilm/NOTICE`).
pub const DEFAULT_TOKENIZER: &[u8] = include_bytes!("../minilm/tokenizer.json");

/// The folder for everything that zerogr keeps on this machine: `$ZEROGR_HOME` when set, else
/// `zerogr` below the platform's cache folder.
///
/// # Errors
///
/// [`ErrorKind::NotFound`] when the platform names no cache folder (no home folder in the
/// environment).
pub fn home() -> Result<PathBuf> {
    if let Some(path) = folder_of("ZEROGR_HOME") {
        return std::path::absolute(&path).map_err(|e| Error::io("resolving", &path, e));
    }
    let base = if cfg!(windows) {
        folder_of("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        folder_of("HOME").map(|home| home.join("Library").join("Caches"))
    } else {
        // The XDG rules say to ignore a relative path.
        folder_of("XDG_CACHE_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| folder_of("HOME").map(|home| home.join(".cache")))
    };
    base.map(|base| base.join("zerogr")).ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            "no cache folder: set ZEROGR_HOME to a folder that zerogr may write to",
        )
    })
}

/// The folder that holds the installed ONNX Runtime.
///
/// # Errors
///
/// As [`home`].
pub fn runtime_dir() -> Result<PathBuf> {
    Ok(home()?.join(format!("onnxruntime-{RUNTIME_VERSION}")))
}

/// The folder of the model called `name`, for example [`DEFAULT_MODEL`].
///
/// # Errors
///
/// As [`home`].
pub fn model_dir(name: &str) -> Result<PathBuf> {
    Ok(home()?.join("models").join(name))
}

/// The value of an environment variable that names a folder; empty counts as unset.
fn folder_of(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}
