//! `--mode`: what decides which documents a query finds.

use zerogr::Mode;

/// What decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModeArg {
    /// Generated docids, without a look at the words.
    Generative,
    /// Generated docids, with BM25 as a prior.
    #[default]
    Planned,
    /// BM25 alone.
    Lexical,
    /// The encoder alone: cosine with every document.
    Dense,
    /// Cosine and BM25, added up.
    Fusion,
}

impl ModeArg {
    /// The library's name for it.
    pub fn mode(self) -> Mode {
        match self {
            ModeArg::Generative => Mode::Generative,
            ModeArg::Planned => Mode::Planned,
            ModeArg::Lexical => Mode::Lexical,
            ModeArg::Dense => Mode::Dense,
            ModeArg::Fusion => Mode::Fusion,
        }
    }

    /// What it is called on the command line.
    pub fn name(self) -> &'static str {
        match self {
            ModeArg::Generative => "generative",
            ModeArg::Planned => "planned",
            ModeArg::Lexical => "lexical",
            ModeArg::Dense => "dense",
            ModeArg::Fusion => "fusion",
        }
    }

    /// Whether docids are generated.
    pub fn generates(self) -> bool {
        matches!(self, ModeArg::Generative | ModeArg::Planned)
    }
}
