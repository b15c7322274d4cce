//! Results for machines.

use std::io::{self, Write};

use serde_json::{Value, json};
use zerogr::raw::eval::Scores;

use super::compare::{Comparison, Results};
use super::measured::{Cost, Measured, SystemResult};
use crate::console::failure::Failure;
use crate::console::output;

/// Everything but the queries, as one object.
pub fn of(results: &Results) -> Result<Value, Failure> {
    let mut datasets = Vec::new();
    for dataset in &results.datasets {
        datasets.push(dataset_value(dataset, results)?);
    }
    let averages = |scores: fn(&super::compare::Averages) -> &Scores| {
        let named = results.averages.iter();
        let named = named.map(|one| (one.system.clone(), json!(scores(one))));
        Value::Object(named.collect())
    };
    let mut value = json!({
        "split": results.split,
        "same_id_rule": if results.drop_same_id { "drop" } else { "keep" },
        "datasets": datasets,
    });
    if results.datasets.len() > 1 {
        value["macro_average"] = averages(|one| &one.macro_average);
        value["micro_average"] = averages(|one| &one.micro_average);
        value["comparisons"] = comparisons(results, None);
    }
    Ok(value)
}

fn dataset_value(dataset: &Measured, results: &Results) -> Result<Value, Failure> {
    let mut systems = Vec::new();
    for system in &dataset.systems {
        systems.push(system_value(system)?);
    }
    let mut value = json!({
        "name": dataset.name,
        "queries": dataset.query_count,
        "judgements": dataset.judgement_count,
        "systems": systems,
        "comparisons": comparisons(results, Some(&dataset.name)),
    });
    if let Some(index) = &dataset.index {
        value["unknown_documents"] = json!(dataset.unknown_documents);
        value["index"] = json!({
            "path": output::path_value(&index.path), "documents": index.document_count, "file_bytes": index.len_bytes,
            "encoder_bytes": index.encoder_len_bytes,
            "bytes_per_document": index.bytes_per_document(), "build_seconds": index.build_seconds,
        });
    }
    Ok(value)
}

fn system_value(system: &SystemResult) -> Result<Value, Failure> {
    let summary = serde_json::to_value(&system.mean.summary);
    let mut value = summary.map_err(|error| Failure::new(error.to_string()))?;
    value["system"] = json!(system.name);
    if system.seeds > 1 {
        value["seeds"] = json!(system.seeds);
        value["deviations_between_seeds"] = json!(system.deviations);
    }
    if let Some(other) = &system.other_rule {
        value["other_same_id_rule"] = json!(other);
    }
    if let Some(cost) = &system.cost {
        add_cost(&mut value, cost);
    }
    Ok(value)
}

fn add_cost(value: &mut Value, cost: &Cost) {
    value["p50_ms"] = json!(cost.quantile_ms(0.5));
    value["p95_ms"] = json!(cost.quantile_ms(0.95));
    value["incomplete"] = json!(cost.incomplete);
    let mean = |count: u64| json!(count as f64 / cost.answered.max(1) as f64);
    let work = &cost.work;
    value["work"] = json!({
        "prefills": mean(work.prefills), "passes": mean(work.passes),
        "node_evaluations": mean(work.node_evaluations),
        "children_scored": mean(work.children_scored), "bytes_touched": mean(work.bytes_touched),
    });
}

fn comparisons(results: &Results, dataset: Option<&str>) -> Value {
    let wanted = |one: &&Comparison| one.dataset.as_deref() == dataset;
    let value = |one: &Comparison| {
        json!({
            "system": one.system, "baseline": one.baseline, "metric": results.primary,
            "significance": one.significance,
        })
    };
    results
        .comparisons
        .iter()
        .filter(wanted)
        .map(value)
        .collect()
}

/// One line per dataset, system and query.
pub fn write_per_query(results: &Results, writer: &mut impl Write) -> io::Result<()> {
    for dataset in &results.datasets {
        for system in &dataset.systems {
            for (query, scores) in &system.mean.per_query {
                let mut line = json!({
                    "dataset": dataset.name, "system": system.name, "query": query,
                    "metrics": scores,
                });
                let time_ms = system
                    .cost
                    .as_ref()
                    .and_then(|cost| cost.times_ms.get(query));
                if let Some(time_ms) = time_ms {
                    line["ms"] = json!(time_ms);
                }
                writeln!(writer, "{line}")?;
            }
        }
    }
    writer.flush()
}
