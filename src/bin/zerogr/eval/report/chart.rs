//! What the charts share with each other and with the legend.

use super::super::compare::Results;

/// Width of charts that stand alone; on paper they are scaled down.
pub const WIDTH: f64 = 960.0;

/// One colour per system, told apart by colour-blind readers, too (Paul Tol's "bright").
const COLOURS: [&str; 7] = [
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#aa3377", "#66ccee", "#777777",
];

/// The colour of a system by its place.
pub fn colour(system: usize) -> &'static str {
    COLOURS
        .get(system % COLOURS.len())
        .copied()
        .unwrap_or("#000000")
}

/// Names of the systems, which are the same on every dataset.
pub fn system_names(results: &Results) -> Vec<&str> {
    let first = results.datasets.first();
    let systems = first.into_iter().flat_map(|dataset| &dataset.systems);
    systems.map(|system| system.name.as_str()).collect()
}
