//! Layers that see all of a text, and layers that see what is near: which are which, and the base
//! of the rotary positions of each kind.
//!
//! Older configurations say how many layers are between those that see all, and a base of each
//! kind under a key of its own. Newer ones list the kinds (`layer_types`), and have the bases in one
//! object (`rope_parameters`). A file may have both where they agree.

use crate::Result;
use crate::convert::hugging_face::config_json::ConfigJson;

/// The kind that sees all.
const FULL: &str = "full_attention";
/// The kind that sees what is near.
const SLIDING: &str = "sliding_attention";

/// By layer, whether it sees all: as listed, or as `usual`.
///
/// # Errors
///
/// [`ErrorKind::Model`](crate::ErrorKind::Model) for a list of another length, or with other kinds.
pub(super) fn are_global(
    config: &ConfigJson<'_>,
    layers: usize,
    usual: impl Fn(usize) -> bool,
) -> Result<Vec<bool>> {
    let Some(kinds) = config.texts("layer_types")? else {
        return Ok((0..layers).map(usual).collect());
    };
    let is_known = |kind: &String| [FULL, SLIDING].contains(&kind.as_str());
    if kinds.len() != layers || !kinds.iter().all(is_known) {
        return Err(config.wrong("has layer_types that cannot be imported"));
    }
    Ok(kinds.iter().map(|kind| kind == FULL).collect())
}

/// The bases of layers that see all, and of the others, if they are said; `older` are the keys that
/// say them apart.
///
/// # Errors
///
/// [`ErrorKind::Model`](crate::ErrorKind::Model) for scaled positions, and for two bases that differ.
pub(super) fn thetas(config: &ConfigJson<'_>, older: [&str; 2]) -> Result<[Option<f64>; 2]> {
    let newer = config.rope_thetas([FULL, SLIDING])?;
    let [full, sliding] = older;
    let apart = [config.number(full)?, config.number(sliding)?];
    for ((newer, apart), key) in newer.iter().zip(apart).zip(older) {
        if let (Some(newer), Some(apart)) = (*newer, apart)
            && newer != apart
        {
            return Err(config.wrong(&format!(
                "has {key} and rope_parameters, which differ; remove the wrong one"
            )));
        }
    }
    let [newer_full, newer_sliding] = newer;
    let [full, sliding] = apart;
    Ok([newer_full.or(full), newer_sliding.or(sliding)])
}
