//! How the step size of a fit changes.

/// The step size's factor after a share of the work: it rises over the first twentieth and then
/// falls to zero.
pub(super) fn schedule(share: f32) -> f32 {
    const RISE: f32 = 0.05;
    (share / RISE).min((1.0 - share) / (1.0 - RISE)).max(0.0)
}
