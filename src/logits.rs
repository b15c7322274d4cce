//! Logits: what a model says of several choices.
//!
//! Every logit that chooses or ranks something passes [`checked`]. A model with weights that
//! overflow gives values that are no numbers; a ranking made of them would look like any other.

use crate::{Error, ErrorKind, Result};

/// `logits`, as what a choice can be made by: no NaN, no plus infinity, and something finite. Minus
/// infinity is a choice that is masked.
///
/// # Errors
///
/// [`ErrorKind::Model`], which says what `model` gave.
pub(crate) fn checked<'l>(logits: &'l [f32], model: &str) -> Result<&'l [f32]> {
    let is_allowed = |logit: &f32| logit.is_finite() || *logit == f32::NEG_INFINITY;
    if logits.iter().all(is_allowed) && logits.iter().any(|logit| logit.is_finite()) {
        return Ok(logits);
    }
    let refused = logits.iter().find(|logit| !is_allowed(logit));
    let what = match refused {
        Some(value) => format!("a logit that is {value}"),
        None => "no finite logit".to_owned(),
    };
    let message = format!(
        "{model} gave {what}: its weights are damaged or overflow; use float32 weights, or import \
         or train it again"
    );
    Err(Error::new(ErrorKind::Model, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_masks_are_logits_and_nothing_else() {
        let (nan, inf) = (f32::NAN, f32::INFINITY);
        for good in [&[0.0][..], &[-inf, 1.0], &[f32::MAX, f32::MIN]] {
            assert_eq!(checked(good, "m").unwrap(), good);
        }
        for bad in [
            &[][..],
            &[-inf],
            &[-inf, -inf],
            &[nan, 1.0],
            &[1.0, nan],
            &[inf, 0.0],
        ] {
            let error = checked(bad, "the model m").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Model);
            assert!(
                error.to_string().starts_with("the model m gave "),
                "{error}"
            );
        }
    }
}
