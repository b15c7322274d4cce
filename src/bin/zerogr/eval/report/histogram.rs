//! How long queries take: a histogram for each system over the queries of all datasets, all on
//! one logarithmic axis.

use super::super::compare::Results;
use super::super::measured::SystemResult;
use super::chart::{WIDTH, colour, system_names};
use super::svg;

const BINS: usize = 60;
const ROW_HEIGHT: f64 = 62.0;
const NAMES_WIDTH: f64 = 150.0;
const AXIS_HEIGHT: f64 = 22.0;

/// The histograms; nothing where only run files were measured.
pub fn chart(results: &Results) -> Option<String> {
    let names = system_names(results);
    let timed: Vec<(usize, &str, Vec<f64>)> = names
        .into_iter()
        .enumerate()
        .map(|(place, name)| (place, name, times_ms(results, place)))
        .filter(|(_, _, times)| !times.is_empty())
        .collect();
    let all = || timed.iter().flat_map(|(_, _, times)| times.iter().copied());
    let longest = all().reduce(f64::max)?;
    let shortest = all().reduce(f64::min)?;
    let x = svg::LogScale::new(shortest, longest, NAMES_WIDTH, WIDTH - 10.0);
    let height = timed.len() as f64 * ROW_HEIGHT + AXIS_HEIGHT;
    let mut content = String::new();
    for tick in x.ticks() {
        let place = x.place(tick);
        content.push_str(&svg::line(
            (place, 0.0),
            (place, height - AXIS_HEIGHT),
            "grid",
        ));
        let label = format!("{} ms", svg::short(tick));
        content.push_str(&svg::text(place, height - 7.0, "middle", "faint", &label));
    }
    for (row, (place, name, times)) in timed.iter().enumerate() {
        let base = (row + 1) as f64 * ROW_HEIGHT;
        let mut counts = [0usize; BINS];
        for time in times {
            let bin = (x.share(*time) * BINS as f64) as usize;
            if let Some(count) = counts.get_mut(bin.min(BINS - 1)) {
                *count += 1;
            }
        }
        let most = counts.iter().max().copied().unwrap_or(1).max(1) as f64;
        let width = (WIDTH - 10.0 - NAMES_WIDTH) / BINS as f64;
        for (bin, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let tall = *count as f64 / most * (ROW_HEIGHT - 14.0);
            let left = NAMES_WIDTH + bin as f64 * width;
            let tip = format!("{count} queries");
            content.push_str(&svg::bar(
                left,
                base - tall,
                width - 0.6,
                tall,
                colour(*place),
                &tip,
            ));
        }
        content.push_str(&svg::line(
            (NAMES_WIDTH, base),
            (WIDTH - 10.0, base),
            "axis",
        ));
        let (median, late) = (quantile(times, 0.5), quantile(times, 0.95));
        content.push_str(&svg::text(
            NAMES_WIDTH - 8.0,
            base - 30.0,
            "end",
            "name",
            name,
        ));
        for (offset, label) in [
            (16.0, format!("p50 {median:.2} ms")),
            (3.0, format!("p95 {late:.2} ms")),
        ] {
            content.push_str(&svg::text(
                NAMES_WIDTH - 8.0,
                base - offset,
                "end",
                "faint",
                &label,
            ));
        }
    }
    Some(svg::picture(
        WIDTH,
        height,
        "Time per query of every system",
        &content,
    ))
}

/// Times of a system on all datasets, ascending.
fn times_ms(results: &Results, system: usize) -> Vec<f64> {
    let systems = results.datasets.iter();
    let systems = systems.filter_map(|dataset| dataset.systems.get(system));
    let times = |system: &SystemResult| -> Vec<f64> {
        let cost = system.cost.iter();
        cost.flat_map(|cost| cost.times_ms.values().copied())
            .collect()
    };
    let mut times: Vec<f64> = systems.flat_map(times).collect();
    times.sort_by(f64::total_cmp);
    times
}

fn quantile(ascending: &[f64], share: f64) -> f64 {
    let place = (ascending.len() as f64 * share) as usize;
    let place = place.min(ascending.len().saturating_sub(1));
    ascending.get(place).copied().unwrap_or(0.0)
}
