//! What literal loops over a trie share: counting what is left, and choosing by a uniform number.

#![allow(clippy::unwrap_used)]

use zerogr::raw::trie::ForestNode;

/// Docids below a node of the first segment that are not among `drawn`, which is sorted.
pub fn undrawn(node: &ForestNode, drawn: &[u32]) -> u32 {
    let part = &node.parts[0].node;
    let below = |rank: u32| drawn.partition_point(|&one| one < rank) as u32;
    part.hi - part.lo - (below(part.hi) - below(part.lo))
}

/// The child that `uniform` chooses from the softmax at a temperature; the first best at zero.
pub fn choose(logits: &[f32], temperature: f64, uniform: f64) -> usize {
    let max = logits.iter().copied().fold(f32::MIN, f32::max);
    if temperature == 0.0 {
        return logits.iter().position(|&logit| logit == max).unwrap();
    }
    let weight = |&logit: &f32| ((f64::from(logit) - f64::from(max)) / temperature).exp();
    let weights: Vec<f64> = logits.iter().map(weight).collect();
    let target = uniform * weights.iter().sum::<f64>();
    let mut cumulative = 0.0;
    let found = weights.iter().position(|weight| {
        cumulative += weight;
        cumulative > target
    });
    found.unwrap_or(weights.len() - 1)
}
