//! What held-out queries say of a change.
//!
//! Several settings of a change are ranked beside the present state, which is the first. For the
//! queries of a fold the setting is taken that the *other* folds like best, so that choosing among
//! them is no part of what is measured.
//!
//! A change may also be better whatever was asked, for example by liking what is judged often.
//! Therefore each query is paired with the judgements of others of its fold, too: what the change
//! gains there is no gain. With judgements that were shuffled before they came, the two are alike.
//!
//! A setting has a ranking per query for each mode of search that it is to be good for; what counts is
//! their mean.
//!
//! - I1. Judgements that tell nothing of their queries pass as rarely as a test at [`MOST_P`] does.

use crate::Result;
use crate::eval::{Judgements, Randomisation, ndcg_at, paired_significance};
use crate::rng::Rng;

/// Two-sided p above which a difference is taken for chance.
const MOST_P: f64 = 0.05;

/// Other queries whose judgements each query is paired with.
const OTHERS: usize = 8;

/// Places of a ranking that count.
pub(super) const PLACES: usize = 10;

/// Ids, best first.
pub(super) type Ranking<'a> = Vec<&'a str>;

/// The queries that rankings are measured on.
pub(super) struct Folds<'a> {
    /// What is known of each query, and its fold.
    pub(super) queries: Vec<(&'a Judgements, usize)>,
    pub(super) seed: u64,
}

/// The rankings of a setting: for each mode, one per query.
pub(super) type Setting<'a> = Vec<Vec<Ranking<'a>>>;

/// What came of some settings.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    /// The setting that all folds together like best; 0 is the present state.
    pub(super) best: usize,
    /// Means by mode.
    pub(super) before: Vec<f64>,
    /// By the settings that the other folds chose.
    pub(super) after: Vec<f64>,
    pub(super) p: f64,
    pub(super) is_better: bool,
}

impl Folds<'_> {
    /// Compares settings, whose rankings were made without the fold of their query. No mode may get
    /// worse.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for figures that are no numbers, which rankings do not give.
    pub(super) fn compare(&self, settings: &[Setting<'_>]) -> Result<Outcome> {
        let values: Vec<Vec<f64>> = settings.iter().map(|one| self.values(one)).collect();
        let chosen: Vec<usize> = (0..self.count())
            .map(|fold| self.best_of(&values, |own| own != fold))
            .collect();
        let chosen = |fold: usize| chosen.get(fold).copied().unwrap_or(0);
        let others = self.others();
        let (mut gained, mut by_chance) = (Vec::new(), Vec::new());
        for (query, (others, (judgements, fold))) in others.iter().zip(&self.queries).enumerate() {
            let value = |setting: usize, judgements: &Judgements| {
                settings
                    .get(setting)
                    .map_or(0.0, |setting| value(setting, query, judgements))
            };
            let gain =
                |judgements: &Judgements| value(chosen(*fold), judgements) - value(0, judgements);
            let of_others = others.iter().filter_map(|&other| self.queries.get(other));
            let of_others: Vec<f64> = of_others.map(|(judgements, _)| gain(judgements)).collect();
            gained.push(gain(judgements));
            by_chance.push(mean(of_others.into_iter()));
        }
        let tosses = Randomisation {
            seed: self.seed,
            ..Randomisation::default()
        };
        let better = paired_significance(&vec![0.0; gained.len()], &gained, tosses)?;
        let told = paired_significance(&by_chance, &gained, tosses)?;
        let p = better.randomisation_p.max(told.randomisation_p);
        let best = self.best_of(&values, |_| true);
        let (before, after) = (
            self.by_mode(settings, |_| 0),
            self.by_mode(settings, chosen),
        );
        let rises = better.mean_difference > 0.0 && told.mean_difference > 0.0;
        let is_better =
            best > 0 && rises && p < MOST_P && before.iter().zip(&after).all(|(b, a)| a >= b);
        Ok(Outcome {
            best,
            before,
            after,
            p,
            is_better,
        })
    }

    fn count(&self) -> usize {
        let folds = self.queries.iter().map(|(_, fold)| fold + 1);
        folds.max().unwrap_or(0)
    }

    /// The figure of each query under a setting.
    fn values(&self, setting: &Setting<'_>) -> Vec<f64> {
        let queries = self.queries.iter().enumerate();
        let own = |(query, (judgements, _)): (usize, &(&Judgements, usize))| {
            value(setting, query, judgements)
        };
        queries.map(own).collect()
    }

    /// The mean figure of each mode under the settings of the folds.
    fn by_mode(&self, settings: &[Setting<'_>], setting: impl Fn(usize) -> usize) -> Vec<f64> {
        let modes = settings.first().map_or(0, Vec::len);
        let of_mode = |mode: usize| {
            let figure = |(query, (judgements, fold)): (usize, &(&Judgements, usize))| {
                let rankings = settings.get(setting(*fold)).and_then(|one| one.get(mode));
                let ranking = rankings.and_then(|rankings| rankings.get(query));
                ranking.map_or(0.0, |ranking| ndcg_at(ranking, judgements, PLACES))
            };
            mean(self.queries.iter().enumerate().map(figure))
        };
        (0..modes).map(of_mode).collect()
    }

    /// The setting with the largest sum over the folds that `counts`; the first of equal ones.
    fn best_of(&self, values: &[Vec<f64>], counts: impl Fn(usize) -> bool) -> usize {
        let mut best = (0, f64::NEG_INFINITY);
        for (setting, values) in values.iter().enumerate() {
            let own = values.iter().zip(&self.queries);
            let sum = own
                .filter(|(_, (_, fold))| counts(*fold))
                .map(|(value, _)| value)
                .sum();
            if sum > best.1 {
                best = (setting, sum);
            }
        }
        best.0
    }

    /// For each query, others of its fold without an answer in common.
    fn others(&self) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..self.queries.len()).collect();
        Rng::new(self.seed ^ 0x6F74_6865_7273).shuffle(&mut order);
        let mut others = vec![Vec::new(); self.queries.len()];
        for fold in 0..self.count() {
            let of_fold = |query: &usize| self.queries.get(*query).is_some_and(|one| one.1 == fold);
            let own: Vec<usize> = order.iter().copied().filter(of_fold).collect();
            for (at, query) in own.iter().enumerate() {
                let next = own.iter().cycle().skip(at + 1).take(own.len() - 1);
                let next = next.filter(|other| !self.share_an_answer(*query, **other));
                if let Some(slot) = others.get_mut(*query) {
                    *slot = next.take(OTHERS).copied().collect();
                }
            }
        }
        others
    }

    fn share_an_answer(&self, a: usize, b: usize) -> bool {
        let (Some((a, _)), Some((b, _))) = (self.queries.get(a), self.queries.get(b)) else {
            return false;
        };
        let answers = a.iter().filter(|(_, weight)| **weight > 0.0);
        let is_shared = |id: &String| b.get(id).is_some_and(|weight| *weight > 0.0);
        answers.map(|(id, _)| id).any(is_shared)
    }
}

/// The mean over the modes of what a query has by some judgements.
fn value(setting: &Setting<'_>, query: usize, judgements: &Judgements) -> f64 {
    let rankings = setting.iter().filter_map(|rankings| rankings.get(query));
    mean(rankings.map(|ranking| ndcg_at(ranking, judgements, PLACES)))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), one| (sum + one, count + 1));
    sum / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERIES: usize = 100;

    /// Query `n` asks for document `answer(n)`.
    fn judgements(answer: impl Fn(usize) -> usize) -> Vec<Judgements> {
        let one = |query| Judgements::from([(answer(query).to_string(), 1.0)]);
        (0..QUERIES).map(one).collect()
    }

    fn compared(judgements: &[Judgements], settings: &[&dyn Fn(usize) -> usize]) -> Outcome {
        let ids: Vec<String> = (0..QUERIES).map(|id| id.to_string()).collect();
        let queries = judgements
            .iter()
            .zip(0..)
            .map(|(one, query)| (one, query % 5));
        let folds = Folds {
            queries: queries.collect(),
            seed: 3,
        };
        let rankings = |first: &&dyn Fn(usize) -> usize| {
            let ranking = |query| vec![ids[first(query) % QUERIES].as_str()];
            vec![(0..QUERIES).map(ranking).collect()]
        };
        let settings: Vec<Setting<'_>> = settings.iter().map(rankings).collect();
        folds.compare(&settings).unwrap()
    }

    #[test]
    fn a_change_that_answers_more_queries_is_better() {
        let outcome = compared(
            &judgements(|query| query),
            &[
                &|query| query + usize::from(query % 3 > 0),
                &|query| query + 7,
                &|query| query,
            ],
        );
        assert_eq!((outcome.best, outcome.is_better), (2, true));
        assert!((outcome.before[0] - 0.34).abs() < 1e-9 && outcome.after == [1.0]);
        assert!(outcome.p < 0.001, "{outcome:?}");
    }

    #[test]
    fn a_few_more_answers_may_be_chance() {
        let nearly = |query: usize| if query < 3 { query } else { query + 1 };
        let outcome = compared(&judgements(|query| query), &[&|query| query + 1, &nearly]);
        assert!(!outcome.is_better && outcome.best == 1, "{outcome:?}");
    }

    #[test]
    fn to_like_what_is_asked_for_often_is_no_gain() {
        // Four of five queries ask for document 0; the change gives it to all.
        let popular = judgements(|query| if query % 7 < 5 { query % 2 } else { query });
        let outcome = compared(&popular, &[&|query| query + 50, &|_| 0]);
        assert!(outcome.after[0] > 0.3, "{outcome:?}");
        assert!(!outcome.is_better, "{outcome:?}");
    }

    #[test]
    fn the_setting_is_chosen_by_other_folds() {
        // Each fold has a setting of its own that answers it, and it alone.
        let of_fold = |fold: usize| move |query: usize| query + usize::from(query % 5 != fold);
        let settings: Vec<_> = (0..5).map(of_fold).collect();
        let mut all: Vec<&dyn Fn(usize) -> usize> = vec![&|query| query + 1];
        all.extend(settings.iter().map(|one| one as &dyn Fn(usize) -> usize));
        let outcome = compared(&judgements(|query| query), &all);
        assert_eq!(outcome.after, [0.0], "{outcome:?}");
        assert!(!outcome.is_better);
    }
}
