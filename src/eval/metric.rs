//! What can be measured, by the names the field uses for it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::metrics::{average_precision, ndcg_at, recall_at, reciprocal_rank_at, success_at};
use super::qrels::Judgements;
use crate::{Error, Result};

/// A metric of a ranking; the number is how many documents of it are looked at, at least 1.
///
/// Written and read as `nDCG@10`, `Acc@1` (the same as `Success@1`), `Success@5`, `Recall@100`,
/// `MRR@10` and `MAP`.
///
/// ```
/// use zerogr::raw::eval::Metric;
///
/// assert_eq!("ndcg@20".parse::<Metric>()?, Metric::Ndcg(20));
/// assert_eq!(Metric::Success(1).to_string(), "Acc@1");
/// # Ok::<(), zerogr::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
#[non_exhaustive]
pub enum Metric {
    /// [`ndcg_at`].
    Ndcg(usize),
    /// [`success_at`].
    Success(usize),
    /// [`recall_at`].
    Recall(usize),
    /// [`reciprocal_rank_at`].
    ReciprocalRank(usize),
    /// [`average_precision`].
    AveragePrecision,
}

/// Values by metric.
pub type Scores = BTreeMap<Metric, f64>;

impl Metric {
    /// What is measured unless something else is asked for.
    pub const DEFAULT: [Metric; 6] = [
        Metric::Ndcg(10),
        Metric::Success(1),
        Metric::Recall(10),
        Metric::Recall(100),
        Metric::ReciprocalRank(10),
        Metric::AveragePrecision,
    ];

    /// Its value for one ranking, best document first, each document at most once.
    pub fn of(self, ranking: &[&str], judgements: &Judgements) -> f64 {
        match self {
            Metric::Ndcg(k) => ndcg_at(ranking, judgements, k),
            Metric::Success(k) => success_at(ranking, judgements, k),
            Metric::Recall(k) => recall_at(ranking, judgements, k),
            Metric::ReciprocalRank(k) => reciprocal_rank_at(ranking, judgements, k),
            Metric::AveragePrecision => average_precision(ranking, judgements),
        }
    }

    /// How many documents it looks at; `None`: all that were returned.
    pub fn cutoff(self) -> Option<usize> {
        match self {
            Metric::Ndcg(k)
            | Metric::Success(k)
            | Metric::Recall(k)
            | Metric::ReciprocalRank(k) => Some(k),
            Metric::AveragePrecision => None,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Metric::Ndcg(k) => format!("nDCG@{k}"),
            Metric::Success(1) => "Acc@1".to_owned(),
            Metric::Success(k) => format!("Success@{k}"),
            Metric::Recall(k) => format!("Recall@{k}"),
            Metric::ReciprocalRank(k) => format!("MRR@{k}"),
            Metric::AveragePrecision => "MAP".to_owned(),
        };
        f.pad(&name)
    }
}

impl FromStr for Metric {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = || {
            Error::invalid(format!(
                "there is no metric {text:?}; there are nDCG@K, Acc@1, Success@K, Recall@K, \
                 MRR@K (K at least 1) and MAP"
            ))
        };
        let lower = text.to_ascii_lowercase();
        if lower == "map" {
            return Ok(Metric::AveragePrecision);
        }
        let (name, k) = lower.split_once('@').ok_or_else(unknown)?;
        let k: usize = k.parse().ok().filter(|k| *k > 0).ok_or_else(unknown)?;
        match name {
            "ndcg" => Ok(Metric::Ndcg(k)),
            "acc" if k == 1 => Ok(Metric::Success(1)),
            "success" => Ok(Metric::Success(k)),
            "recall" | "r" => Ok(Metric::Recall(k)),
            "mrr" => Ok(Metric::ReciprocalRank(k)),
            _ => Err(unknown()),
        }
    }
}

impl From<Metric> for String {
    fn from(metric: Metric) -> String {
        metric.to_string()
    }
}

impl TryFrom<String> for Metric {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        let more = [Metric::Success(5), Metric::Ndcg(1000), Metric::Recall(1)];
        for metric in Metric::DEFAULT.into_iter().chain(more) {
            assert_eq!(metric.to_string().parse::<Metric>().unwrap(), metric);
        }
        assert_eq!("Success@1".parse::<Metric>().unwrap(), Metric::Success(1));
        assert_eq!("R@100".parse::<Metric>().unwrap(), Metric::Recall(100));
        for wrong in [
            "",
            "ndcg",
            "nDCG@0",
            "nDCG@-1",
            "Acc@2",
            "MAP@",
            "precision@5",
            "@1",
        ] {
            let error = wrong.parse::<Metric>().unwrap_err();
            assert!(error.is_invalid_input(), "{wrong}");
        }
    }

    #[test]
    fn they_are_keys_of_json() {
        let scores = Scores::from([(Metric::Ndcg(10), 0.5), (Metric::AveragePrecision, 0.25)]);
        let json = serde_json::to_string(&scores).unwrap();
        assert_eq!(json, r#"{"nDCG@10":0.5,"MAP":0.25}"#);
        assert_eq!(serde_json::from_str::<Scores>(&json).unwrap(), scores);
    }
}
