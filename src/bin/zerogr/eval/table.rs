//! Results as text for people.

use zerogr::raw::eval::{Metric, Scores};

use super::compare::{Comparison, Results};
use super::measured::{Measured, SystemResult};
use crate::console::output;

/// Columns with their headings, the first of them flush left.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub fn new(headings: impl IntoIterator<Item = String>) -> Self {
        Table {
            rows: vec![headings.into_iter().collect()],
        }
    }

    /// Adds a row; what it has fewer cells than headings stays empty.
    pub fn push(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().collect());
    }

    /// The headings, then the rows.
    pub fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }

    fn text(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| row.iter().map(|cell| output::inline(cell)).collect())
            .collect();
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<String>| {
            let mut line = String::from(" ");
            for (place, (cell, width)) in row.iter().zip(&widths).enumerate() {
                line.push_str(&match place {
                    0 => format!(" {cell:<width$}"),
                    _ => format!("  {cell:>width$}"),
                });
            }
            line.trim_end().to_owned()
        };
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Everything, dataset by dataset, then the averages.
pub fn of(results: &Results) -> String {
    let mut blocks = Vec::new();
    for dataset in &results.datasets {
        let table = systems(&dataset.systems, results, Some(&dataset.name));
        blocks.push(format!(
            "{}\n{}",
            heading(dataset, &results.split),
            table.text()
        ));
    }
    if results.datasets.len() > 1 {
        let queries: usize = results.datasets.iter().map(|one| one.query_count).sum();
        blocks.push(format!(
            "{} by dataset\n{}",
            results.primary,
            by_dataset(results).text()
        ));
        blocks.push(format!(
            "macro average: mean over {} datasets\n{}",
            results.datasets.len(),
            averages(results, false).text()
        ));
        blocks.push(format!(
            "micro average: mean over {queries} queries\n{}",
            averages(results, true).text()
        ));
    }
    blocks.push(notes(results).join("\n"));
    blocks.retain(|block| !block.is_empty());
    blocks.join("\n\n")
}

/// Systems with nothing to compare them with.
pub fn of_systems(results: &[SystemResult]) -> String {
    let metrics = Metric::DEFAULT;
    let mut table = Table::new(headings(&metrics, true));
    for system in results {
        table.push(row(system, &metrics));
    }
    table.text()
}

/// What a dataset is, in a line.
pub fn heading(dataset: &Measured, split: &str) -> String {
    let mut line = format!(
        "{} ({split}): {} queries, {} judgements",
        output::inline(&dataset.name),
        dataset.query_count,
        dataset.judgement_count
    );
    if let Some(index) = &dataset.index {
        line.push_str(&format!(
            "; {} documents, {:.1} MB, {:.0} bytes per document without the encoder",
            index.document_count,
            index.len_bytes as f64 / 1e6,
            index.bytes_per_document()
        ));
        if let Some(seconds) = index.build_seconds {
            line.push_str(&format!(", built in {seconds:.1} s"));
        }
    }
    if dataset.unknown_documents > 0 {
        line.push_str(&format!(
            "; {} relevant documents are not in the index",
            dataset.unknown_documents
        ));
    }
    line
}

/// The systems on one dataset.
pub fn systems(systems: &[SystemResult], results: &Results, dataset: Option<&str>) -> Table {
    let timed = systems.iter().any(|system| system.cost.is_some());
    let compared = results.comparisons.first();
    let mut names = headings(&results.metrics, timed);
    if let Some(comparison) = compared {
        names.extend(comparison_headings(comparison));
    }
    let mut table = Table::new(names);
    for system in systems {
        let mut cells = row(system, &results.metrics);
        if let Some(comparison) = results.comparison(dataset, &system.name) {
            // Run files have no times.
            let columns = 1 + results.metrics.len() + if timed { 3 } else { 0 };
            cells.resize(columns, String::new());
            cells.extend(comparison_cells(&comparison.significance));
        }
        table.push(cells);
        if system.seeds > 1 {
            let label = format!("  ± between {} seeds", system.seeds);
            table.push(scores(label, &system.deviations, &results.metrics));
        }
        if let Some(other) = &system.other_rule {
            let label = match results.drop_same_id {
                true => "  query's own id kept",
                false => "  query's own id dropped",
            };
            table.push(scores(label.to_owned(), other, &results.metrics));
        }
    }
    table
}

/// The metric that is compared, datasets by systems.
pub fn by_dataset(results: &Results) -> Table {
    let first = results.datasets.first();
    let systems = first.into_iter().flat_map(|dataset| &dataset.systems);
    let names = systems.map(|system| system.name.clone());
    let mut table = Table::new([String::new()].into_iter().chain(names));
    for dataset in &results.datasets {
        let values = dataset.systems.iter();
        let values = values.map(|system| decimals(system.mean.mean(results.primary)));
        table.push([dataset.name.clone()].into_iter().chain(values));
    }
    let mut mean = vec!["macro average".to_owned()];
    for averages in &results.averages {
        let value = averages.macro_average.get(&results.primary);
        mean.push(decimals(value.copied().unwrap_or(0.0)));
    }
    table.push(mean);
    table
}

/// The averages over datasets, of one kind.
pub fn averages(results: &Results, micro: bool) -> Table {
    let mut names = headings(&results.metrics, false);
    let compared = results.comparisons.first().filter(|_| micro);
    if let Some(comparison) = compared {
        names.extend(comparison_headings(comparison));
    }
    let mut table = Table::new(names);
    for averages in &results.averages {
        let means = match micro {
            true => &averages.micro_average,
            false => &averages.macro_average,
        };
        let mut cells = scores(averages.system.clone(), means, &results.metrics);
        if let Some(comparison) = results.comparison(None, &averages.system).filter(|_| micro) {
            cells.extend(comparison_cells(&comparison.significance));
        }
        table.push(cells);
    }
    table
}

/// What must be known to read the tables.
pub fn notes(results: &Results) -> Vec<String> {
    let mut notes = Vec::new();
    let mut systems = results.datasets.iter().flat_map(|dataset| &dataset.systems);
    if systems.clone().any(|system| system.other_rule.is_some()) {
        notes.push(format!(
            "Hits with the query's own id were {}; BEIR's evaluator drops them, trec_eval and \
             MAIR's keep them.",
            if results.drop_same_id {
                "dropped"
            } else {
                "kept"
            }
        ));
    }
    if let Some(comparison) = results.comparisons.first() {
        notes.push(format!(
            "vs: difference of {} from {}. p: two-sided, paired by query; p(t) of Student's t-test, \
             p(rand) of the randomisation test with 10,000 tosses (seed 0).",
            results.primary, comparison.baseline
        ));
    }
    let incomplete: usize = systems
        .by_ref()
        .filter_map(|system| system.cost.as_ref())
        .map(|cost| cost.incomplete)
        .sum();
    if incomplete > 0 {
        notes.push(format!("The budget ended {incomplete} searches."));
    }
    notes
}

fn headings(metrics: &[Metric], timed: bool) -> Vec<String> {
    let metrics = metrics.iter().map(Metric::to_string);
    let mut names: Vec<String> = ["system".to_owned()].into_iter().chain(metrics).collect();
    if timed {
        names.extend(["p50 ms", "p95 ms", "nodes"].map(str::to_owned));
    }
    names
}

fn row(system: &SystemResult, metrics: &[Metric]) -> Vec<String> {
    let mut cells = scores(system.name.clone(), &system.mean.summary.means, metrics);
    if let Some(cost) = &system.cost {
        cells.push(format!("{:.2}", cost.quantile_ms(0.5)));
        cells.push(format!("{:.2}", cost.quantile_ms(0.95)));
        cells.push(format!("{:.0}", cost.nodes_per_query()));
    }
    cells
}

fn scores(label: String, scores: &Scores, metrics: &[Metric]) -> Vec<String> {
    let value = |metric: &Metric| decimals(scores.get(metric).copied().unwrap_or(0.0));
    let mut cells = vec![label];
    cells.extend(metrics.iter().map(value));
    cells
}

fn comparison_headings(comparison: &Comparison) -> [String; 4] {
    [
        format!("vs {}", comparison.baseline),
        "won/tied/lost".to_owned(),
        "p(t)".to_owned(),
        "p(rand)".to_owned(),
    ]
}

fn comparison_cells(significance: &zerogr::raw::eval::Significance) -> [String; 4] {
    [
        format!("{:+.4}", significance.mean_difference),
        format!(
            "{}/{}/{}",
            significance.wins, significance.ties, significance.losses
        ),
        p_value(significance.t_test_p),
        p_value(significance.randomisation_p),
    ]
}

fn decimals(value: f64) -> String {
    format!("{value:.4}")
}

/// Four decimals, or that it is below them.
fn p_value(p: f64) -> String {
    match p < 0.00005 {
        true => "<.0001".to_owned(),
        false => format!("{p:.4}"),
    }
}
