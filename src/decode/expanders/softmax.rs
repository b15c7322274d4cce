//! From logits to log-probabilities.

use crate::Result;

/// Log-probabilities of `logits`, in double precision.
///
/// # Errors
///
/// [`ErrorKind::Model`](crate::ErrorKind::Model) when one is NaN or plus infinity, or none is
/// finite: no distribution follows from those.
pub fn log_softmax(logits: &[f32]) -> Result<Vec<f64>> {
    let logits = crate::logits::checked(logits, "the retriever")?;
    Ok(log_softmax_at(logits, 1.0))
}

/// [`log_softmax`] of checked `logits / temperature`, for a temperature above zero.
pub(in crate::decode) fn log_softmax_at(logits: &[f32], temperature: f64) -> Vec<f64> {
    let mut log_probs = Vec::new();
    log_softmax_into(logits, temperature, &mut log_probs);
    log_probs
}

/// [`log_softmax_at`] in the place of what is in `log_probs`.
pub(in crate::decode) fn log_softmax_into(
    logits: &[f32],
    temperature: f64,
    log_probs: &mut Vec<f64>,
) {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let above_max = |&logit: &f32| (f64::from(logit) - f64::from(max)) / temperature;
    log_probs.clear();
    log_probs.extend(logits.iter().map(above_max));
    let log_sum = log_probs.iter().map(|value| value.exp()).sum::<f64>().ln();
    log_probs.iter_mut().for_each(|value| *value -= log_sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_the_softmax() {
        let inf = f32::INFINITY;
        let cases: [(&[f32], &[f64]); 4] = [
            (&[0.0, 0.0], &[0.5, 0.5]),
            (&[-inf, 1.0], &[0.0, 1.0]),
            (&[f32::MAX, f32::MIN], &[1.0, 0.0]),
            (&[7.0], &[1.0]),
        ];
        for (logits, expected) in cases {
            let got: Vec<f64> = log_softmax(logits)
                .unwrap()
                .iter()
                .map(|value| value.exp())
                .collect();
            assert_eq!(got, expected, "{logits:?}");
        }
        for bad in [&[f32::NAN, 1.0][..], &[inf, 3.0], &[-inf, -inf]] {
            assert!(log_softmax(bad).is_err(), "{bad:?}");
        }
    }
}
