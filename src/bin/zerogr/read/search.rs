//! `zerogr search`: answers one query.

use std::path::PathBuf;

use serde_json::{Value, json};
use zerogr::{
    Explanation, Hit, Index, MarkKind, SearchOptions, SearchResult, Snippet, SnippetOptions,
};

use crate::console::failure::Failure;
use crate::console::output::{self, Style};
use crate::options::decoding::DecodingArgs;
use crate::options::device::DeviceArg;
use crate::options::filter::{FacetArg, print_counts};
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
    /// Characters of the text that are shown of each hit; 0 shows none.
    #[arg(long, value_name = "N", default_value_t = SnippetOptions::new().max_chars)]
    snippet_chars: usize,
    /// Places in a long document that are told of each hit at most; 0 tells none.
    #[arg(long, value_name = "N", default_value_t = SearchOptions::new().passages_per_document)]
    passages: usize,
    /// Read the last word as the beginning of a longer one, as while it is typed.
    #[arg(long)]
    prefix: bool,
    /// Mark in snippets not only the words of the query, but also what is close to them in meaning;
    /// the encoder reads every hit again for it.
    #[arg(long)]
    mark_meaning: bool,
    /// Count documents by a field: `lang` by its values, `year=2000,2010,2020` by the ranges between;
    /// once all that pass the filter, once the hits. Can be given several times.
    #[arg(long = "facet", value_name = "FIELD[=BOUND,...]")]
    facets: Vec<FacetArg>,
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
        .passages_per_document(args.passages)
        .prefix(args.prefix)
        .explain(args.explain);
    options.instruction = args.instruction.clone();
    options.min_similarity = args.min_similarity;
    let snippets = SnippetOptions::new()
        .max_chars(args.snippet_chars)
        .prefix(args.prefix)
        .semantic(args.mark_meaning);
    let snippets = (args.snippet_chars > 0).then_some(&snippets);
    let result = index.search(&args.query, &options)?;
    let hits = shown(&index, &result, &args.query, snippets)?;
    let mut counts = Vec::with_capacity(args.facets.len());
    for by in &args.facets {
        let matching = result
            .snapshot()
            .count_matching(by.facet(), options.filter.as_ref())?;
        counts.push((matching, result.count_hits(by.facet())?));
    }
    if args.json {
        let values: Vec<&Value> = hits.iter().map(|hit| &hit.value).collect();
        if counts.is_empty() {
            return output::json(&values);
        }
        let (matching, of_hits): (Vec<_>, Vec<_>) = counts.into_iter().unzip();
        return output::json(&json!({
            "hits": values, "facets": {"matching": matching, "hits": of_hits},
        }));
    }
    print(&hits)?;
    for (matching, of_hits) in &counts {
        print_counts(
            matching,
            "of the documents that pass the filter have a value",
        )?;
        print_counts(of_hits, "of the hits have a value")?;
    }
    Ok(())
}

/// A hit as it is shown.
pub struct ShownHit {
    /// As a JSON object, with its title.
    value: Value,
    /// Those above its best place, outermost first.
    headings: Vec<String>,
    snippet: Option<Snippet>,
}

/// The hits of a query, with snippets if they are asked for.
pub fn hits(
    index: &Index,
    query: &str,
    options: &SearchOptions,
    snippets: Option<&SnippetOptions>,
) -> Result<Vec<ShownHit>, Failure> {
    shown(index, &index.search(query, options)?, query, snippets)
}

fn shown(
    index: &Index,
    result: &SearchResult,
    query: &str,
    snippets: Option<&SnippetOptions>,
) -> Result<Vec<ShownHit>, Failure> {
    let mut list = Vec::with_capacity(result.hits.len());
    for (hit, document) in result.hits.iter().zip(result.documents()?) {
        let mut value = json!({
            "id": hit.id, "score": hit.score, "similarity": hit.similarity,
            "log_prob": hit.log_prob, "docid": hit.docid, "title": document.title,
            "passages": hit.passages,
        });
        let snippet = match snippets {
            Some(options) => Some(result.snapshot().snippet(hit, query, options)?),
            None => None,
        };
        if let Some(snippet) = &snippet {
            value["snippet"] = json!(snippet);
        }
        if let Some(explanation) = &hit.explanation {
            value["explanation"] = explained(index, hit, explanation)?;
        }
        let headings = match hit.passages.first() {
            Some(best) => best.headings.clone(),
            None => Vec::new(),
        };
        list.push(ShownHit {
            value,
            headings,
            snippet,
        });
    }
    Ok(list)
}

fn style(kind: MarkKind) -> Style {
    match kind {
        MarkKind::Word => Style::Bold,
        MarkKind::Meaning => Style::Underlined,
        _ => Style::Underlined,
    }
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

/// Before what belongs to a hit.
const INDENT: &str = "      ";

/// Prints hits for people.
pub fn print(hits: &[ShownHit]) -> Result<(), Failure> {
    if hits.is_empty() {
        return output::line("no hits");
    }
    for (place, hit) in (1..).zip(hits) {
        let ShownHit {
            value,
            headings,
            snippet,
        } = hit;
        let text = |key: &str| output::inline(value[key].as_str().unwrap_or_default());
        let line = format!(
            "{place:>3}. {:.3}  {}  [{}]\n      {}",
            value["score"].as_f64().unwrap_or(f64::NAN),
            text("id"),
            text("docid"),
            text("title")
        );
        output::line(line.trim_end())?; // without an empty title
        if !headings.is_empty() {
            output::styled_line(INDENT, [(headings.join(" > ").as_str(), None)])?;
        }
        if let Some(snippet) = snippet.as_ref().filter(|snippet| !snippet.text.is_empty()) {
            let parts = snippet.parts();
            let parts = parts.map(|(part, kind)| (part, kind.map(style)));
            output::styled_line(INDENT, parts)?;
        }
        let lines = explanation_lines(&value["explanation"]);
        if !lines.is_empty() {
            output::line(&lines.join("\n"))?;
        }
    }
    Ok(())
}

/// An explanation for people; nothing where there is none.
fn explanation_lines(explanation: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let list = |key: &str| explanation[key].as_array().cloned().unwrap_or_default();
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    for decision in list("decisions") {
        lines.push(format!(
            "      {:>7.3}  {} (one of {}; docids left {})",
            number(&decision["log_prob"]),
            output::inline(decision["text"].as_str().unwrap_or("?")),
            decision["choices"],
            decision["docids_left"]
        ));
    }
    if !explanation.is_null() && !list("decisions").is_empty() {
        lines.push(format!(
            "      {:>7.3}  together",
            number(&explanation["docid_log_prob"])
        ));
    }
    if number(&explanation["planner"]) > 0.0 {
        lines.push(format!(
            "      {:>+7.3}  from the planner",
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
        lines.push(format!("      words: {}", terms.join(", ")));
    }
    lines
}
