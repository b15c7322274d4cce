//! Whether a system is better than a baseline, or was lucky with these queries: paired tests.
//!
//! ```text
//!   d_q = system(q) - baseline(q)      the same queries answered by both
//!
//!   t-test          t = mean(d) / (deviation(d) / sqrt(n)), Student's t, n - 1 degrees of freedom
//!   randomisation   how often |mean(+-d)| >= |mean(d)| when every sign is tossed
//! ```
//!
//! Both are two-sided. The randomisation test (Fisher's) assumes nothing about the distribution
//! of `d`; its p is `(1 + hits) / (1 + tosses)`, so it is never 0.
//!
//! I1. The same values, tosses and seed give the same p.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::summary::sample_deviation;
use crate::rng::Rng;
use crate::{Error, Result};

/// How the randomisation test is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Randomisation {
    /// How often all signs are tossed.
    pub tosses: u32,
    /// Seed of the tosses.
    pub seed: u64,
}

impl Default for Randomisation {
    fn default() -> Self {
        Randomisation {
            tosses: 10_000,
            seed: 0,
        }
    }
}

/// A system beside a baseline on the same queries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Significance {
    /// Queries.
    pub queries: usize,
    /// Mean of system minus baseline.
    pub mean_difference: f64,
    /// Queries on which the system is better.
    pub wins: usize,
    /// Queries on which both are equal.
    pub ties: usize,
    /// Queries on which the system is worse.
    pub losses: usize,
    /// Two-sided p of the paired t-test; 1 with fewer than two queries or without a difference.
    pub t_test_p: f64,
    /// Two-sided p of the randomisation test.
    pub randomisation_p: f64,
}

/// Compares the values of a system with those of a baseline, query by query.
///
/// # Errors
/// The lists are not equally long; a value is not finite.
///
/// ```
/// use zerogr::raw::eval::{Randomisation, paired_significance};
///
/// let (baseline, system) = ([0.1, 0.4, 0.3, 0.2], [0.2, 0.6, 0.4, 0.2]);
/// let result = paired_significance(&baseline, &system, Randomisation::default())?;
/// assert_eq!((result.wins, result.ties, result.losses), (3, 1, 0));
/// assert!((result.t_test_p - 0.0917).abs() < 1e-4);
/// # Ok::<(), zerogr::Error>(())
/// ```
pub fn paired_significance(
    baseline: &[f64],
    system: &[f64],
    randomisation: Randomisation,
) -> Result<Significance> {
    if baseline.len() != system.len() {
        return Err(Error::invalid(format!(
            "{} values cannot be paired with {}: measure both on the same queries",
            baseline.len(),
            system.len()
        )));
    }
    let differences: Vec<f64> = system.iter().zip(baseline).map(|(s, b)| s - b).collect();
    if !differences.iter().all(|difference| difference.is_finite()) {
        return Err(Error::invalid(
            "a value to compare is not finite: leave its query out",
        ));
    }
    let queries = differences.len();
    let mean = differences.iter().sum::<f64>() / queries.max(1) as f64;
    let count = |test: fn(&f64) -> bool| differences.iter().filter(|one| test(one)).count();
    Ok(Significance {
        queries,
        mean_difference: mean,
        wins: count(|difference| *difference > 0.0),
        ties: count(|difference| *difference == 0.0),
        losses: count(|difference| *difference < 0.0),
        t_test_p: t_test_p(&differences, mean),
        randomisation_p: randomisation_p(&differences, randomisation),
    })
}

fn t_test_p(differences: &[f64], mean: f64) -> f64 {
    let queries = differences.len();
    if queries < 2 || mean == 0.0 {
        return 1.0;
    }
    let deviation = sample_deviation(differences.iter().copied(), mean);
    let t = mean / (deviation / (queries as f64).sqrt());
    // Without any spread t is infinite and p is 0.
    if t.is_infinite() {
        return 0.0;
    }
    StudentsT::new(0.0, 1.0, queries as f64 - 1.0).map_or(1.0, |law| 2.0 * law.cdf(-t.abs()))
}

fn randomisation_p(differences: &[f64], randomisation: Randomisation) -> f64 {
    // Where both are equal the sign does not matter.
    let differing: Vec<f64> = differences
        .iter()
        .copied()
        .filter(|difference| *difference != 0.0)
        .collect();
    let observed = differing.iter().sum::<f64>().abs();
    // The sum of the same numbers in another order is the same up to rounding.
    let enough = observed - 1e-12 * differing.iter().map(|one| one.abs()).sum::<f64>();
    let mut rng = Rng::new(randomisation.seed);
    let mut hits = 0u32;
    for _ in 0..randomisation.tosses {
        let mut sum = 0.0;
        for part in differing.chunks(64) {
            let mut signs = rng.next_u64();
            for difference in part {
                sum += if signs & 1 == 0 {
                    *difference
                } else {
                    -difference
                };
                signs >>= 1;
            }
        }
        hits += u32::from(sum.abs() >= enough);
    }
    (1.0 + f64::from(hits)) / (1.0 + f64::from(randomisation.tosses))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(baseline: &[f64], system: &[f64]) -> Significance {
        paired_significance(baseline, system, Randomisation::default()).unwrap()
    }

    /// The share of all sign patterns that reach the observed mean.
    fn exact(differences: &[f64]) -> f64 {
        let observed = differences.iter().sum::<f64>().abs() - 1e-12;
        let patterns = 1u32 << differences.len();
        let reached = (0..patterns).filter(|pattern| {
            let signed = differences.iter().enumerate();
            let sum: f64 = signed
                .map(|(place, one)| {
                    if pattern >> place & 1 == 0 {
                        *one
                    } else {
                        -one
                    }
                })
                .sum();
            sum.abs() >= observed
        });
        reached.count() as f64 / f64::from(patterns)
    }

    #[test]
    fn tossing_comes_near_all_patterns() {
        let system = [0.3, 0.1, -0.05, 0.2, 0.4, 0.0, -0.1, 0.25, 0.15, 0.05];
        let zero = [0.0; 10];
        let result = compare(&zero, &system);
        assert!((result.randomisation_p - exact(&system)).abs() < 0.01);
        assert_eq!(result, compare(&zero, &system));
        let other = Randomisation {
            seed: 1,
            ..Randomisation::default()
        };
        let other = paired_significance(&zero, &system, other).unwrap();
        assert!((other.randomisation_p - result.randomisation_p).abs() < 0.01);
        assert_eq!(other.t_test_p, result.t_test_p);
    }

    #[test]
    fn turning_the_comparison_round_turns_the_sign_only() {
        let (a, b) = ([0.1, 0.5, 0.9, 0.3], [0.3, 0.4, 1.0, 0.8]);
        let (there, back) = (compare(&a, &b), compare(&b, &a));
        assert_eq!(there.mean_difference, -back.mean_difference);
        assert_eq!((there.wins, there.losses), (back.losses, back.wins));
        assert!((there.t_test_p - back.t_test_p).abs() < 1e-12);
        assert_eq!(there.randomisation_p, back.randomisation_p);
    }

    #[test]
    fn nothing_to_compare_is_not_significant() {
        for values in [&[][..], &[0.5], &[0.5, 0.25, 0.0]] {
            let result = compare(values, values);
            assert_eq!((result.t_test_p, result.randomisation_p), (1.0, 1.0));
            assert_eq!(result.ties, values.len());
        }
        assert_eq!(compare(&[0.0], &[1.0]).t_test_p, 1.0);
        let constant = compare(&[0.0; 20], &[0.5; 20]);
        assert!(constant.t_test_p == 0.0 && constant.randomisation_p < 1e-3);
        let uneven = paired_significance(&[1.0], &[], Randomisation::default());
        assert!(uneven.unwrap_err().is_invalid_input());
        let nan = paired_significance(&[f64::NAN], &[1.0], Randomisation::default());
        assert!(nan.unwrap_err().is_invalid_input());
    }
}
