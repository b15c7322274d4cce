//! The metric that is compared: a group of bars for each dataset, one bar for each system.

use super::super::compare::Results;
use super::chart::{WIDTH, colour};
use super::svg;

const BAR_HEIGHT: f64 = 13.0;
const GAP: f64 = 12.0;
const NAMES_WIDTH: f64 = 150.0;
const NUMBERS_WIDTH: f64 = 48.0;
const AXIS_HEIGHT: f64 = 22.0;

/// All datasets, and their macro average where there are several.
pub fn chart(results: &Results) -> String {
    let primary = results.primary;
    let mut groups: Vec<(&str, Vec<(&str, f64)>)> = Vec::new();
    for dataset in &results.datasets {
        let systems = dataset.systems.iter();
        let values = systems.map(|system| (system.name.as_str(), system.mean.mean(primary)));
        groups.push((&dataset.name, values.collect()));
    }
    if !results.averages.is_empty() {
        let value = |one: &super::super::compare::Averages| {
            one.macro_average.get(&primary).copied().unwrap_or(0.0)
        };
        let averages = results.averages.iter();
        let averages = averages.map(|one| (one.system.as_str(), value(one)));
        groups.push(("macro average", averages.collect()));
    }
    let to = WIDTH - NUMBERS_WIDTH;
    let x = |value: f64| NAMES_WIDTH + value * (to - NAMES_WIDTH);
    let bars: usize = groups.iter().map(|(_, values)| values.len()).sum();
    let height = AXIS_HEIGHT + bars as f64 * BAR_HEIGHT + groups.len() as f64 * GAP;
    let mut content = String::new();
    for tick in 0..=5 {
        let value = f64::from(tick) / 5.0;
        content.push_str(&svg::line(
            (x(value), AXIS_HEIGHT - 6.0),
            (x(value), height),
            "grid",
        ));
        let label = format!("{value:.1}");
        content.push_str(&svg::text(
            x(value),
            AXIS_HEIGHT - 10.0,
            "middle",
            "faint",
            &label,
        ));
    }
    let mut y = AXIS_HEIGHT;
    for (name, values) in &groups {
        let middle = y + values.len() as f64 * BAR_HEIGHT / 2.0 + 4.0;
        let shown = super::html::excerpt(name, 22);
        content.push_str(&svg::text(NAMES_WIDTH - 8.0, middle, "end", "name", &shown));
        for (place, (system, value)) in values.iter().enumerate() {
            let width = x(*value) - NAMES_WIDTH;
            let tip = format!("{name}, {system}: {value:.4}");
            let thickness = BAR_HEIGHT - 2.0;
            content.push_str(&svg::bar(
                NAMES_WIDTH,
                y,
                width,
                thickness,
                colour(place),
                &tip,
            ));
            let label = format!("{value:.3}");
            content.push_str(&svg::text(x(*value) + 4.0, y + 9.5, "start", "", &label));
            y += BAR_HEIGHT;
        }
        y += GAP;
    }
    let axis = svg::line(
        (NAMES_WIDTH, AXIS_HEIGHT - 6.0),
        (NAMES_WIDTH, height),
        "axis",
    );
    content.push_str(&axis);
    svg::picture(
        WIDTH,
        height,
        &format!("{primary} of every system"),
        &content,
    )
}
