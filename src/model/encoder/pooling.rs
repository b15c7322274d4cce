//! From one vector per token to one unit vector per text, as sentence-transformers defines it.

use crate::vectors::add_scaled;
use crate::{Error, ErrorKind, Result};

/// How the vectors of a text's tokens become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Pooling {
    /// The mean over the tokens of the text.
    #[default]
    Mean,
    /// The vector of the first token.
    Cls,
    /// The maximum of each value over the tokens of the text.
    Max,
    /// The mean over the tokens of the text, each weighed by its place, from 1.
    WeightedMean,
    /// The vector of the last token.
    LastToken,
}

impl Pooling {
    /// The name by which it is recorded in an index.
    pub fn name(self) -> &'static str {
        match self {
            Pooling::Mean => "mean",
            Pooling::Cls => "cls",
            Pooling::Max => "max",
            Pooling::WeightedMean => "weightedmean",
            Pooling::LastToken => "lasttoken",
        }
    }

    /// The pooling with a recorded name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnsupportedVersion`] for a name this build does not know.
    pub fn from_name(name: &str) -> Result<Pooling> {
        let all = [
            Pooling::Mean,
            Pooling::Cls,
            Pooling::Max,
            Pooling::WeightedMean,
            Pooling::LastToken,
        ];
        all.into_iter()
            .find(|pooling| pooling.name() == name)
            .ok_or_else(|| {
                let message =
                    format!("the pooling {name:?} is unknown: use a newer version of zerogr");
                Error::new(ErrorKind::UnsupportedVersion, message)
            })
    }

    /// Pools one row: `tokens` holds at least `len` vectors of `out.len()` values; those from
    /// `len` on are padding. The result is scaled to length 1; that of no vector is zero.
    pub(super) fn pool(self, tokens: &[f32], len: usize, out: &mut [f32]) -> Result<()> {
        if len == 0 {
            out.fill(0.0);
            return Ok(());
        }
        let mut vectors = tokens.chunks_exact(out.len().max(1)).take(len);
        match self {
            Pooling::Cls | Pooling::LastToken => {
                let one = match self {
                    Pooling::Cls => vectors.next(),
                    _ => vectors.next_back(),
                };
                out.copy_from_slice(one.ok_or_else(too_few)?);
            }
            Pooling::WeightedMean => {
                out.fill(0.0);
                for (place, vector) in (1..).zip(vectors) {
                    add_scaled(out, place as f32, vector);
                }
            }
            Pooling::Mean => {
                out.fill(0.0);
                for vector in vectors {
                    out.iter_mut()
                        .zip(vector)
                        .for_each(|(sum, value)| *sum += value);
                }
            }
            Pooling::Max => {
                out.fill(f32::NEG_INFINITY);
                for vector in vectors {
                    // Not f32::max, which would hide a value that is not a number.
                    for (max, &value) in out.iter_mut().zip(vector) {
                        if value > *max || value.is_nan() {
                            *max = value;
                        }
                    }
                }
            }
        }
        // Means need no division: the length goes away in the scaling.
        normalize(out)
    }
}

fn too_few() -> Error {
    let message = "the encoder returned fewer vectors than a text has tokens";
    Error::new(ErrorKind::Model, message)
}

/// Scales `vector` to length 1.
pub(super) fn normalize(vector: &mut [f32]) -> Result<()> {
    let norm = vector
        .iter()
        .map(|&v| f64::from(v) * f64::from(v))
        .sum::<f64>()
        .sqrt();
    if !norm.is_finite() || norm < 1e-12 {
        return Err(Error::new(
            ErrorKind::Model,
            "the encoder returned a vector without a direction (zero, infinite or not a number); \
             the model file is damaged or is no sentence encoder",
        ));
    }
    vector
        .iter_mut()
        .for_each(|value| *value = (f64::from(*value) / norm) as f32);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooled(pooling: Pooling, tokens: &[f32], len: usize) -> Result<Vec<f32>> {
        let mut out = vec![0.0; 2];
        pooling.pool(tokens, len, &mut out).map(|()| out)
    }

    #[test]
    fn padding_does_not_count() {
        let tokens = [3.0, 0.0, 0.0, 4.0, 9.0, 9.0];
        assert_eq!(pooled(Pooling::Mean, &tokens, 2).unwrap(), [0.6, 0.8]);
        assert_eq!(pooled(Pooling::Max, &tokens, 2).unwrap(), [0.6, 0.8]);
        assert_eq!(pooled(Pooling::Cls, &tokens, 2).unwrap(), [1.0, 0.0]);
        assert_eq!(pooled(Pooling::LastToken, &tokens, 2).unwrap(), [0.0, 1.0]);
        let (x, y) = (3.0 / 73f32.sqrt(), 8.0 / 73f32.sqrt());
        let weighed = pooled(Pooling::WeightedMean, &tokens, 2).unwrap();
        assert!((weighed[0] - x).abs() < 1e-6 && (weighed[1] - y).abs() < 1e-6);
    }

    #[test]
    fn values_without_direction_are_errors() {
        for tokens in [[0.0, 0.0], [f32::NAN, 1.0], [f32::INFINITY, 1.0]] {
            for pooling in [Pooling::Mean, Pooling::Cls, Pooling::Max] {
                assert_eq!(
                    pooled(pooling, &tokens, 1).unwrap_err().kind(),
                    ErrorKind::Model
                );
            }
        }
    }
}
