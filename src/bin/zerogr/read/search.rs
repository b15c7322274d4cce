//! `zerogr search`: answers one query.

use std::path::PathBuf;

use serde_json::{Value, json};
use zerogr::{Explanation, Hit, Index, SearchOptions};

use crate::console::failure::Failure;
use crate::console::output;
use crate::options::decoding::DecodingArgs;
use crate::options::device::DeviceArg;
use crate::options::mode::ModeArg;
use crate::options::open;

/// Search an index.
#[derive(clap::Args)]
pub struct Args {
    /// The index file.
    index: PathBuf,
    /// What to look for.
    query: String,
    /// Hits wanted.
    #[arg(short, default_value_t = 10)]
    k: usize,
    /// The task in words, read by the encoder before the query.
    #[arg(long)]
    instruction: Option<String>,
    /// What decides which documents are found.
    #[arg(long, value_enum, default_value_t = ModeArg::Planned)]
    mode: ModeArg,
    /// Where the language model of `--retriever lm` is, if not where it was.
    #[arg(long, value_name = "DIR")]
    retriever_model: Option<PathBuf>,
    /// Leave out hits that are less alike the query than this, -1 to 1 (`similarity` in `--json`).
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    min_similarity: Option<f32>,
    /// Say why each hit was found.
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    decoding: DecodingArgs,
    #[command(flatten)]
    device: DeviceArg,
    #[command(flatten)]
    access: open::AccessArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    let mut options = open::options(args.device.device());
    options.language_model = args.retriever_model.clone();
    let index = open::with(&args.index, &args.access, options)?;
    let mut options = args
        .decoding
        .options(args.mode.mode())
        .k(args.k)
        .explain(args.explain);
    options.instruction = args.instruction.clone();
    options.min_similarity = args.min_similarity;
    let hits = hits(&index, &args.query, &options)?;
    if args.json {
        return output::json(&hits);
    }
    output::line(&table(&hits))
}

/// The hits of a query with their titles, as JSON objects.
pub fn hits(index: &Index, query: &str, options: &SearchOptions) -> Result<Vec<Value>, Failure> {
    let result = index.search(query, options)?;
    let documents = result.documents()?;
    let mut list = Vec::with_capacity(result.hits.len());
    for (hit, document) in result.hits.into_iter().zip(documents) {
        let mut value = json!({
            "id": hit.id, "score": hit.score, "similarity": hit.similarity,
            "log_prob": hit.log_prob, "docid": hit.docid, "title": document.title,
        });
        if let Some(explanation) = &hit.explanation {
            value["explanation"] = explained(index, &hit, explanation)?;
        }
        list.push(value);
    }
    Ok(list)
}

/// An explanation with its tokens in words.
fn explained(index: &Index, hit: &Hit, explanation: &Explanation) -> Result<Value, Failure> {
    let mut value =
        serde_json::to_value(explanation).map_err(|error| Failure::new(error.to_string()))?;
    value["drawn_score"] = json!(hit.drawn_score);
    value["bm25"] = json!(hit.prior);
    for (decision, shown) in explanation
        .decisions
        .iter()
        .zip(value["decisions"].as_array_mut().into_iter().flatten())
    {
        shown["text"] = match decision.token {
            Some(token) => json!(index.token_text(token)?),
            None => json!("(end)"),
        };
    }
    Ok(value)
}

/// The hits for people.
pub fn table(hits: &[Value]) -> String {
    if hits.is_empty() {
        return "no hits".to_owned();
    }
    let text = |hit: &Value, key: &str| output::inline(hit[key].as_str().unwrap_or_default());
    let row = |(place, hit): (usize, &Value)| {
        let line = format!(
            "{place:>3}. {:.3}  {}  [{}]\n      {}",
            hit["score"].as_f64().unwrap_or(f64::NAN),
            text(hit, "id"),
            text(hit, "docid"),
            text(hit, "title")
        );
        let line = line.trim_end(); // without an empty title
        format!("{line}{}", explanation_lines(&hit["explanation"]))
    };
    (1..).zip(hits).map(row).collect::<Vec<_>>().join("\n")
}

/// An explanation for people; nothing where there is none.
fn explanation_lines(explanation: &Value) -> String {
    let mut lines = String::new();
    let list = |key: &str| explanation[key].as_array().cloned().unwrap_or_default();
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    for decision in list("decisions") {
        lines.push_str(&format!(
            "\n      {:>7.3}  {} (one of {}; docids left {})",
            number(&decision["log_prob"]),
            output::inline(decision["text"].as_str().unwrap_or("?")),
            decision["choices"],
            decision["docids_left"]
        ));
    }
    if !explanation.is_null() && !list("decisions").is_empty() {
        lines.push_str(&format!(
            "\n      {:>7.3}  together",
            number(&explanation["docid_log_prob"])
        ));
    }
    if number(&explanation["planner"]) > 0.0 {
        lines.push_str(&format!(
            "\n      {:>+7.3}  from the planner",
            number(&explanation["planner"])
        ));
    }
    let terms: Vec<String> = list("matched_terms")
        .iter()
        .map(|term| {
            let name = output::inline(term["term"].as_str().unwrap_or("?"));
            format!("{name} {:.2}", number(&term["score"]))
        })
        .collect();
    if !terms.is_empty() {
        lines.push_str(&format!("\n      words: {}", terms.join(", ")));
    }
    lines
}
