//! How recall grows with the number of documents: a small chart for each dataset.

use super::super::compare::Results;
use super::super::measured::CURVE;
use super::chart::{WIDTH, colour, system_names};
use super::{html, svg};

const COLUMNS: f64 = 3.0;
const GAP: f64 = 10.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 34.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 20.0;

/// All datasets, and their macro average where there are several.
pub fn charts(results: &Results) -> String {
    let mut charts = String::from("<div class=\"charts\">\n");
    for dataset in &results.datasets {
        let curves = dataset
            .systems
            .iter()
            .map(|system| system.recall_curve.clone());
        charts.push_str(&chart(&dataset.name, &curves.collect::<Vec<_>>()));
    }
    if results.datasets.len() > 1 {
        let systems = system_names(results).len();
        let mean = (0..systems).map(|number| mean_curve(results, number));
        charts.push_str(&chart("macro average", &mean.collect::<Vec<_>>()));
    }
    charts.push_str("</div>\n");
    charts
}

/// The mean of a system's curves over all datasets.
fn mean_curve(results: &Results, system: usize) -> Vec<f64> {
    let systems = results.datasets.iter();
    let curves: Vec<&Vec<f64>> = systems
        .filter_map(|dataset| dataset.systems.get(system))
        .map(|system| &system.recall_curve)
        .collect();
    let length = curves.iter().map(|curve| curve.len()).min().unwrap_or(0);
    let mean = |place: usize| {
        let values = curves.iter().filter_map(|curve| curve.get(place));
        values.sum::<f64>() / curves.len().max(1) as f64
    };
    (0..length).map(mean).collect()
}

fn chart(name: &str, curves: &[Vec<f64>]) -> String {
    let width = (WIDTH - (COLUMNS - 1.0) * GAP) / COLUMNS;
    let right = width - 8.0;
    let last = CURVE.last().copied().unwrap_or(1);
    let x = svg::LogScale::new(1.0, last as f64, LEFT, right);
    let y = |value: f64| HEIGHT - BOTTOM - value * (HEIGHT - BOTTOM - TOP);
    let mut content = svg::text(LEFT, 12.0, "start", "name", &html::excerpt(name, 40));
    for tick in 0..=4 {
        let value = f64::from(tick) / 4.0;
        content.push_str(&svg::line((LEFT, y(value)), (right, y(value)), "grid"));
        let label = format!("{value:.2}");
        content.push_str(&svg::text(
            LEFT - 4.0,
            y(value) + 4.0,
            "end",
            "faint",
            &label,
        ));
    }
    for k in [1, 10, 100] {
        let place = x.place(f64::from(k));
        let label = match k {
            1 => "k = 1".to_owned(),
            k => k.to_string(),
        };
        let anchor = match k {
            1 => "start",
            100 => "end",
            _ => "middle",
        };
        content.push_str(&svg::text(place, HEIGHT - 5.0, anchor, "faint", &label));
    }
    for (place, curve) in curves.iter().enumerate() {
        let points = CURVE.iter().zip(curve);
        let points: Vec<(f64, f64)> = points
            .map(|(k, recall)| (x.place(*k as f64), y(*recall)))
            .collect();
        content.push_str(&svg::path(&points, colour(place)));
    }
    svg::picture(width, HEIGHT, &format!("Recall on {name}"), &content)
}
