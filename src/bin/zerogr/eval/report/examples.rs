//! Queries on which a system is better or worse than the baseline, with what both found.

use super::super::compare::{Comparison, Results};
use super::super::measured::{Answer, Example, ShownHit};
use super::super::table::Table;
use super::html::{self, escape, excerpt};

const QUERY_CHARS: usize = 400;
const TITLE_CHARS: usize = 90;
const TEXT_CHARS: usize = 160;

/// How often each system wins and loses, and examples with texts; nothing without a baseline.
pub fn section(results: &Results) -> Option<String> {
    let baseline = &results.comparisons.first()?.baseline;
    let mut content = format!(
        "<p>Compared with {} by {}, query by query.</p>\n{}",
        escape(baseline),
        results.primary,
        html::table(&counts(results), false)
    );
    for dataset in &results.datasets {
        let gain = |example: &&Example| match &example.answers {
            [system, baseline] => system.value > baseline.value,
        };
        for (wins, verb) in [(true, "better"), (false, "worse")] {
            let shown: Vec<&Example> = dataset
                .examples
                .iter()
                .filter(|example| gain(example) == wins)
                .collect();
            let Some(first) = shown.first() else {
                continue;
            };
            let [system, _] = &first.answers;
            content.push_str(&format!(
                "<h3>{}: where {} is {verb}</h3>\n",
                escape(&dataset.name),
                escape(&system.system)
            ));
            content.extend(shown.iter().map(|example| article(example, results)));
        }
    }
    Some(content)
}

fn counts(results: &Results) -> Table {
    let headings = ["dataset", "system", "won", "tied", "lost", "difference"];
    let mut table = Table::new(headings.map(str::to_owned));
    let row = |one: &Comparison| {
        let dataset = one.dataset.clone();
        let significance = &one.significance;
        [
            dataset.unwrap_or_else(|| "all queries".to_owned()),
            one.system.clone(),
            significance.wins.to_string(),
            significance.ties.to_string(),
            significance.losses.to_string(),
            format!("{:+.4}", significance.mean_difference),
        ]
    };
    results
        .comparisons
        .iter()
        .for_each(|one| table.push(row(one)));
    table
}

fn article(example: &Example, results: &Results) -> String {
    let text = match example.text.trim() {
        "" => &example.query,
        text => text,
    };
    let values = example.answers.iter();
    let values = values.map(|answer| format!("{} {:.3}", answer.system, answer.value));
    let values = values.collect::<Vec<_>>().join(", ");
    format!(
        "<article class=\"example\"><h4>{}</h4>\n<p class=\"values\">query {}; {}: {}</p>\n\
         <div class=\"answers\">{}</div></article>\n",
        escape(&excerpt(text, QUERY_CHARS)),
        escape(&excerpt(&example.query, TITLE_CHARS)),
        results.primary,
        escape(&values),
        example.answers.iter().map(answer).collect::<String>()
    )
}

fn answer(answer: &Answer) -> String {
    let hits: String = answer.hits.iter().map(hit).collect();
    let hits = match hits.is_empty() {
        true => "<p>nothing found</p>".to_owned(),
        false => format!("<ol>{hits}</ol>"),
    };
    format!("<div><h5>{}</h5>{hits}</div>\n", escape(&answer.system))
}

fn hit(hit: &ShownHit) -> String {
    let judged = match hit.grade {
        Some(grade) if grade > 0.0 => format!(
            " <span class=\"relevant\">✓ relevant{}</span>",
            if grade == 1.0 {
                String::new()
            } else {
                format!(" ({grade})")
            }
        ),
        _ => String::new(),
    };
    let (title, text) = match &hit.document {
        Some(document) => (document.title.as_str(), document.text.as_str()),
        None => ("", ""),
    };
    format!(
        "<li>{} <span class=\"id\">{}</span>{judged}<br><span class=\"text\">{}</span></li>\n",
        escape(&excerpt(title, TITLE_CHARS)),
        escape(&excerpt(&hit.id, TITLE_CHARS)),
        escape(&excerpt(text, TEXT_CHARS))
    )
}
