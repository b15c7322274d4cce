//! The engine's own parts, for programs that work on it: the command line, benchmarks, readers of
//! the format, decoders of one's own.
//!
//! **Nothing here is under semantic versioning**: names and signatures change with any release. What
//! applications need is at the root of the crate, and only that keeps an index whole: a manifest that
//! is committed through [`store`] is checked as one, not as that of an index. Types that are only met
//! as a part of what is at the root, such as [`search::Decision`], have their names here. Each module
//! is described where it is.

macro_rules! rooms {
    ($($(#[$attribute:meta])* $room:ident)*) => {
        $($(#[$attribute])* pub mod $room {
            pub use crate::$room::*;
        })*
    };
}

rooms! {
    /// Typed views of section bodies.
    columns
    /// Checkpoints of models to ONNX graphs.
    #[cfg(feature = "models")]
    convert
    /// Walking the docid trie.
    decode
    /// Documents, and reading them from files.
    docs
    /// Measuring on judged queries.
    #[cfg(feature = "eval")]
    eval
    /// Bytes and structs of the file.
    format
    /// Docids and pseudo-queries.
    generate
    /// What an index reports beside documents and hits.
    index
    /// What a language model that writes text has to offer.
    language
    /// Words of documents and BM25.
    lexicon
    /// ONNX Runtime, encoders, language models.
    #[cfg(feature = "models")]
    model
    /// Cutting texts into passages.
    passages
    /// Damage: finding it, reading around it, saving what is left.
    repair
    /// Searching segments.
    search
    /// Segments and the parameters of an index.
    segment
    /// One file: commit, open, verify.
    store
    /// Fitting.
    train
    /// Docid tries.
    trie
}
