//! Results as one page: tables and charts, self-contained, for screen and paper.
//!
//! I1. Every text that comes from a file or from the command line is escaped.
//! I2. Nothing is loaded from elsewhere: styles are in the page, charts are inline SVG.

mod bars;
mod chart;
mod curves;
mod examples;
mod histogram;
mod html;
mod svg;

use super::compare::Results;
use super::table;
use crate::console::result_file::PAGE_MARK;
use chart::{colour, system_names};
use html::escape;

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub fn page(results: &Results) -> String {
    let queries: usize = results.datasets.iter().map(|one| one.query_count).sum();
    let names: Vec<String> = results
        .datasets
        .iter()
        .map(|one| escape(&one.name))
        .collect();
    let title = match names.as_slice() {
        [only] => format!("Retrieval on {only}"),
        several => format!("Retrieval on {} datasets", several.len()),
    };
    let mut body = format!(
        "<header><h1>{title}</h1>\n<p>{queries} judged queries, split “{}”. Measured by zerogr {}.\
         </p>\n{}</header>\n",
        escape(&results.split),
        env!("CARGO_PKG_VERSION"),
        legend(results)
    );
    let primary = results.primary.to_string();
    if results.datasets.len() > 1 {
        body.push_str(&section(
            &format!("{primary} by dataset"),
            &html::table(&table::by_dataset(results), true),
        ));
    }
    body.push_str(&section(&primary, &bars::chart(results)));
    body.push_str(&section(
        "Recall among the first k documents",
        &curves::charts(results),
    ));
    if let Some(chart) = histogram::chart(results) {
        body.push_str(&section("Time per query", &chart));
    }
    if results.datasets.len() > 1 {
        let averages = format!(
            "<h3>Macro: mean over datasets</h3>\n{}<h3>Micro: mean over queries</h3>\n{}",
            html::table(&table::averages(results, false), false),
            html::table(&table::averages(results, true), false)
        );
        body.push_str(&section("Averages", &averages));
    }
    let mut details = String::new();
    for dataset in &results.datasets {
        let systems = table::systems(&dataset.systems, results, Some(&dataset.name));
        details.push_str(&format!(
            "<div class=\"block\"><h3>{}</h3>\n{}</div>\n",
            escape(&table::heading(dataset, &results.split)),
            html::table(&systems, false)
        ));
    }
    let notes = table::notes(results).into_iter();
    let notes: String = notes
        .map(|note| format!("<p>{}</p>\n", escape(&note)))
        .collect();
    body.push_str(&section("All metrics", &(details + &notes)));
    if let Some(examples) = examples::section(results) {
        body.push_str(&section("Queries won and lost", &examples));
    }
    format!(
        "{PAGE_MARK}<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta \
         name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

fn section(heading: &str, content: &str) -> String {
    format!(
        "<section>\n<h2>{}</h2>\n{content}</section>\n",
        escape(heading)
    )
}

fn legend(results: &Results) -> String {
    let entry = |(place, name): (usize, &str)| {
        format!(
            "<span><svg width=\"12\" height=\"12\" aria-hidden=\"true\"><rect width=\"12\" \
             height=\"12\" fill=\"{}\"/></svg> {}</span>",
            colour(place),
            escape(name)
        )
    };
    let names = system_names(results).into_iter();
    let entries: String = names.enumerate().map(entry).collect();
    format!("<p class=\"legend\">{entries}</p>\n")
}
