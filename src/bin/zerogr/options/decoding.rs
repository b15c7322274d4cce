//! How documents are drawn and put in order: the options that `search` and `eval` share.

use std::time::Duration;

use zerogr::raw::decode::{Beam, Decoder, GumbelTopK, ReverseAnnealed};
use zerogr::{Mode, RetrieverKind, SearchOptions};

use super::filter::FilterArgs;

/// How documents are drawn and put in order; what is not given follows the index.
#[derive(clap::Args)]
pub struct DecodingArgs {
    /// Who says how probable docids are.
    #[arg(long, value_enum, default_value_t = RetrieverArg::Compact)]
    retriever: RetrieverArg,
    /// How docids are generated.
    #[arg(long, value_enum, default_value_t = Kind::BestFirst)]
    decoder: Kind,
    /// Passages drawn before reranking: the K of reverse annealing, the width of a beam.
    #[arg(long, value_name = "K")]
    draws: Option<usize>,
    /// The temperature that reverse annealing rises to, and that of Gumbel-top-k.
    #[arg(long, value_name = "T")]
    t_max: Option<f64>,
    /// Seed of the decoders that sample.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Whether the document head puts the drawn documents in another order.
    #[arg(long, value_enum)]
    rerank: Option<Switch>,
    /// What the best BM25 of the query is worth, in nats; for `--mode planned`.
    #[arg(long, value_name = "LAMBDA")]
    planner: Option<f64>,
    /// Share of BM25 in the reranked score, 0 to 1; for `--mode planned`, and `fusion` in a search.
    #[arg(long, value_name = "SHARE")]
    prior_share: Option<f64>,
    /// Share of the comparison of tokens in the reranked score, 0 to 1; the rest is the document
    /// head's.
    #[arg(long, value_name = "SHARE")]
    token_share: Option<f64>,
    /// Stop after this many milliseconds with the best found until then.
    #[arg(long, value_name = "MS")]
    budget_ms: Option<u64>,
    /// Stop after scoring this many branching prefixes.
    #[arg(long, value_name = "N")]
    budget_nodes: Option<u64>,
    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Kind {
    BestFirst,
    ReverseAnnealed,
    Gumbel,
    Beam,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum RetrieverArg {
    /// The index's own vectors.
    Compact,
    /// The language model that the index was built for (`build --retriever-model`).
    Lm,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Switch {
    On,
    Off,
}

/// Whether docids are generated; the other modes have no retriever.
fn generates(mode: Mode) -> bool {
    matches!(mode, Mode::Generative | Mode::Planned)
}

impl DecodingArgs {
    /// Whether reranking was asked for in so many words.
    pub fn demands_rerank(&self) -> bool {
        self.rerank == Some(Switch::On)
    }

    /// Whether a weight was given that only planned search has.
    pub fn weighs_planner(&self) -> bool {
        self.planner.is_some() || self.prior_share.is_some()
    }

    /// Whether the decoder draws at random.
    pub fn samples(&self) -> bool {
        matches!(self.decoder, Kind::ReverseAnnealed | Kind::Gumbel)
    }

    /// The seeds of `count` searches that differ in nothing else.
    pub fn seeds(&self, count: u32) -> impl Iterator<Item = u64> {
        let first = self.seed;
        (0..u64::from(count)).map(move |number| first.wrapping_add(number))
    }

    /// The options of a search in `mode`.
    pub fn options(&self, mode: Mode) -> SearchOptions {
        self.options_with_seed(mode, self.seed)
    }

    /// The same with another seed.
    pub fn options_with_seed(&self, mode: Mode, seed: u64) -> SearchOptions {
        let mut options = SearchOptions::new().mode(mode).decoder(self.decoder(seed));
        options.retriever = match self.retriever {
            RetrieverArg::Lm if generates(mode) => RetrieverKind::LanguageModel,
            _ => RetrieverKind::Compact,
        };
        options.draws = self.draws;
        options.rerank = self.rerank.map(|switch| switch == Switch::On);
        options.planner = self.planner;
        options.prior_share = self.prior_share;
        options.token_share = self.token_share;
        options.budget.max_time = self.budget_ms.map(Duration::from_millis);
        options.budget.max_evaluations = self.budget_nodes;
        options.filter = self.filter.filter();
        options
    }

    fn decoder(&self, seed: u64) -> Decoder {
        match self.decoder {
            Kind::BestFirst => Decoder::BestFirst,
            Kind::ReverseAnnealed => {
                let paper = ReverseAnnealed::default();
                Decoder::ReverseAnnealed(ReverseAnnealed {
                    draws: self.draws.unwrap_or(paper.draws),
                    t_max: self.t_max.unwrap_or(paper.t_max),
                    seed,
                    ..paper
                })
            }
            Kind::Gumbel => Decoder::GumbelTopK(GumbelTopK {
                seed,
                temperature: self.t_max.unwrap_or(1.0),
            }),
            Kind::Beam => {
                let default = Beam::default();
                Decoder::Beam(Beam {
                    width: self.draws.unwrap_or(default.width),
                })
            }
        }
    }
}
