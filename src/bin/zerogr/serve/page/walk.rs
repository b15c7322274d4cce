//! The decoder's walk through the docid trie, drawn for the hits of a query.
//!
//! ```text
//!          31 %           80 %
//!   ○──── wing ────○──── flutter ────○ 1  doc-17
//!    \      9 %
//!     ──── plate heat ───────────────○ 2  doc-4      forced tokens belong to the step before
//! ```
//!
//! A step is a decision among several tokens, with the tokens behind it that had no alternative. Steps
//! that hits have in common are drawn once; what was decoded and is no hit is not drawn.

use maud::{Markup, html};
use zerogr::raw::search::Decision;
use zerogr::{Explanation, Hit, Index};

use crate::console::beginning::beginning;
use crate::console::failure::Failure;

/// Hits that are drawn; more would not be read.
const DRAWN_HITS: usize = 10;
const STEP_WIDTH: f64 = 230.0;
/// How much of it a curve takes; the rest is straight, for the text.
const CURVE_WIDTH: f64 = 70.0;
const ROW_HEIGHT: f64 = 40.0;
const MARGIN: f64 = 20.0;
const NAMES_WIDTH: f64 = 220.0;
/// Characters of a step and of an id that have room.
const STEP_CHARS: usize = 24;
const ID_CHARS: usize = 28;

/// The steps of several hits, as a tree.
pub struct Walk {
    /// The first is the root; a node stands behind its parent.
    nodes: Vec<Node>,
    hits: Vec<WalkedHit>,
}

/// Where a step leads.
struct Node {
    parent: usize,
    tokens: Vec<u32>,
    step: Option<Step>,
    depth: usize,
    /// The places of the hits whose docid ends here, counted from 1.
    hits: Vec<usize>,
}

/// A step.
#[derive(Clone)]
struct Step {
    text: String,
    /// What was chosen from, and how probable the choice was; `None` where nothing was.
    choice: Option<Decision>,
}

/// A hit in words, for those who cannot see the picture.
struct WalkedHit {
    id: String,
    steps: Vec<Step>,
    log_prob: f64,
    planner: f64,
    terms: String,
}

impl Walk {
    /// The walk to the first of `hits`, which are explained.
    pub fn of(index: &Index, hits: &[Hit]) -> Result<Walk, Failure> {
        let root = Node {
            parent: 0,
            tokens: Vec::new(),
            step: None,
            depth: 0,
            hits: Vec::new(),
        };
        let mut walk = Walk {
            nodes: vec![root],
            hits: Vec::new(),
        };
        for (place, hit) in (1..).zip(hits.iter().take(DRAWN_HITS)) {
            let Some(explanation) = &hit.explanation else {
                continue;
            };
            let steps = steps(index, explanation)?;
            let mut at = 0;
            for (tokens, step) in &steps {
                at = walk.child(at, tokens, step);
            }
            if let Some(node) = walk.nodes.get_mut(at) {
                node.hits.push(place);
            }
            let terms = explanation.matched_terms.iter();
            let terms = terms.map(|term| format!("{} {:.2}", term.term, term.score));
            walk.hits.push(WalkedHit {
                id: hit.id.clone(),
                steps: steps.into_iter().map(|(_, step)| step).collect(),
                log_prob: explanation.docid_log_prob,
                planner: explanation.planner,
                terms: terms.collect::<Vec<_>>().join(", "),
            });
        }
        Ok(walk)
    }

    /// The node that `tokens` lead to from `parent`, which is made if it is not there.
    fn child(&mut self, parent: usize, tokens: &[u32], step: &Step) -> usize {
        let known = (1..).zip(self.nodes.iter().skip(1));
        let mut known = known.filter(|(_, node)| node.parent == parent && node.tokens == tokens);
        if let Some((place, _)) = known.next() {
            return place;
        }
        let depth = self.nodes.get(parent).map_or(0, |node| node.depth) + 1;
        self.nodes.push(Node {
            parent,
            tokens: tokens.to_vec(),
            step: Some(step.clone()),
            depth,
            hits: Vec::new(),
        });
        self.nodes.len() - 1
    }

    /// The row of every node: ends one below the other, the others in the middle of their ends.
    fn rows(&self) -> Vec<f64> {
        let mut rows = vec![(f64::INFINITY, f64::NEG_INFINITY); self.nodes.len()];
        let mut next = 0.0;
        self.set_rows(0, &mut rows, &mut next);
        rows.into_iter()
            .map(|(low, high)| (low + high) / 2.0)
            .collect()
    }

    /// Sets the rows below `at`. A docid has at most a few dozen tokens, and the tree is no deeper.
    fn set_rows(&self, at: usize, rows: &mut [(f64, f64)], next: &mut f64) {
        let children = (1..).zip(self.nodes.iter().skip(1));
        let children = children.filter(|(_, node)| node.parent == at);
        let mut extent = (f64::INFINITY, f64::NEG_INFINITY);
        for (child, _) in children {
            self.set_rows(child, rows, next);
            if let Some(&(low, high)) = rows.get(child) {
                extent = (extent.0.min(low), extent.1.max(high));
            }
        }
        if extent.0 > extent.1 {
            extent = (*next, *next);
            *next += 1.0;
        }
        if let Some(row) = rows.get_mut(at) {
            *row = extent;
        }
    }

    /// The picture, and the same as a table.
    pub fn drawn(&self) -> Markup {
        if self.hits.iter().all(|hit| hit.steps.is_empty()) {
            return html! {
                p.about { "These documents were not decoded: there was nothing to choose." }
            };
        }
        html! {
            section aria-labelledby="walk" {
                h2 #walk { "How they were decoded" }
                p.about {
                    "From left to right the docids of the first hits, step by step: how probable each \
                     choice was, given the query and what is left of it. Grey steps had no alternative."
                }
                div.scroll tabindex="0" role="region" aria-label="Picture of the walk" { (self.picture()) }
                details {
                    summary { "The same in a table" }
                    div.scroll tabindex="0" role="region" aria-label="Table of the walk" { (self.table()) }
                }
            }
        }
    }

    fn picture(&self) -> Markup {
        let rows = self.rows();
        let ends = rows.iter().copied().fold(0.0, f64::max);
        let depth = self.nodes.iter().map(|node| node.depth).max().unwrap_or(0);
        let width = 2.0 * MARGIN + depth as f64 * STEP_WIDTH + NAMES_WIDTH;
        let height = 2.0 * MARGIN + (ends + 1.0) * ROW_HEIGHT;
        let x = |node: &Node| MARGIN + node.depth as f64 * STEP_WIDTH;
        let y =
            |place: usize| MARGIN + (rows.get(place).copied().unwrap_or(0.0) + 0.5) * ROW_HEIGHT;
        html! {
            svg viewBox=(format!("0 0 {width:.0} {height:.0}")) width=(format!("{width:.0}"))
                height=(format!("{height:.0}")) role="img"
                aria-label="Tree of the steps to the hits; the table below has the same" {
                @for (place, node) in self.nodes.iter().enumerate() {
                    @if let (Some(step), Some(parent)) = (&node.step, self.nodes.get(node.parent)) {
                        (edge((x(parent), y(node.parent)), (x(node), y(place)), step))
                    }
                }
                @for (place, node) in self.nodes.iter().enumerate() {
                    circle cx=(format!("{:.1}", x(node))) cy=(format!("{:.1}", y(place))) r="3" {}
                    @if !node.hits.is_empty() {
                        text.hit x=(format!("{:.1}", x(node) + 8.0)) y=(format!("{:.1}", y(place) + 4.0)) {
                            (beginning(&self.names(&node.hits), ID_CHARS))
                        }
                    }
                }
            }
        }
    }

    /// Places and ids of hits.
    fn names(&self, places: &[usize]) -> String {
        let name = |&place: &usize| {
            let hit = self.hits.get(place.wrapping_sub(1));
            format!("{place}. {}", hit.map_or("", |hit| hit.id.as_str()))
        };
        places.iter().map(name).collect::<Vec<_>>().join(", ")
    }

    fn table(&self) -> Markup {
        html! {
            table {
                caption { "Steps to each hit: probability of the choice, and from how many" }
                thead { tr {
                    th scope="col" { "Document" } th scope="col" { "Steps" }
                    th scope="col" { "Log-probability" } th scope="col" { "Prior by words" }
                    th scope="col" { "Words in it" }
                } }
                tbody {
                    @for hit in &self.hits {
                        tr {
                            th scope="row" { (beginning(&hit.id, ID_CHARS)) }
                            td {
                                @for (place, step) in hit.steps.iter().enumerate() {
                                    @if place > 0 { " → " }
                                    (step.text)
                                    @if let Some(choice) = step.choice {
                                        " (" (percent(choice.log_prob)) " of " (choice.choices) ")"
                                    }
                                }
                            }
                            td { (format!("{:.2}", hit.log_prob)) }
                            td { (format!("{:+.2}", hit.planner)) }
                            td { (hit.terms) }
                        }
                    }
                }
            }
        }
    }
}

fn edge(from: (f64, f64), to: (f64, f64), step: &Step) -> Markup {
    let (middle, straight) = (from.0 + CURVE_WIDTH / 2.0, from.0 + CURVE_WIDTH);
    let curve = format!(
        "M{:.1} {:.1}C{middle:.1} {:.1} {middle:.1} {:.1} {straight:.1} {:.1}L{:.1} {:.1}",
        from.0, from.1, from.1, to.1, to.1, to.0, to.1
    );
    let share = step
        .choice
        .map_or(0.0, |choice| choice.log_prob.exp().clamp(0.0, 1.0));
    let label_x = format!("{:.1}", to.0 - 8.0);
    html! {
        g {
            title {
                (step.text)
                @if let Some(choice) = step.choice {
                    ": " (percent(choice.log_prob)) ", one of " (choice.choices) "; docids left "
                    (choice.docids_left)
                }
            }
            path.forced[step.choice.is_none()] d=(curve)
                stroke-width=(format!("{:.1}", 1.5 + 6.0 * share)) {}
            text x=(label_x) y=(format!("{:.1}", to.1 - 8.0)) text-anchor="end" {
                (beginning(&step.text, STEP_CHARS))
            }
            @if let Some(choice) = step.choice {
                text.share x=(label_x) y=(format!("{:.1}", to.1 + 14.0)) text-anchor="end" {
                    (percent(choice.log_prob)) " of " (choice.choices)
                }
            }
        }
    }
}

/// The steps of a docid, with their tokens.
fn steps(index: &Index, explanation: &Explanation) -> Result<Vec<(Vec<u32>, Step)>, Failure> {
    let mut steps: Vec<(Vec<u32>, Step)> = Vec::new();
    let mut decisions = explanation.decisions.iter().peekable();
    for (position, &token) in (0u32..).zip(&explanation.tokens) {
        let decision = decisions.next_if(|decision| decision.position == position);
        let text = index.token_text(token)?.unwrap_or_else(|| "?".to_owned());
        match (decision, steps.last_mut()) {
            (None, Some((tokens, step))) => {
                tokens.push(token);
                append(&mut step.text, &text);
            }
            (decision, _) => {
                let choice = decision.copied();
                steps.push((vec![token], Step { text, choice }));
            }
        }
    }
    // That the docid ends where others go on is a choice, too.
    for decision in decisions {
        let choice = Some(*decision);
        let text = "(end)".to_owned();
        steps.push((Vec::new(), Step { text, choice }));
    }
    Ok(steps)
}

/// Appends a token; one that goes on a word (in WordPiece it begins with `##`) without a space.
fn append(text: &mut String, token: &str) {
    match token.strip_prefix("##") {
        Some(rest) => text.push_str(rest),
        None => {
            text.push(' ');
            text.push_str(token);
        }
    }
}

fn percent(log_prob: f64) -> String {
    match 100.0 * log_prob.exp() {
        share if share >= 9.95 => format!("{share:.0} %"),
        share if share >= 0.095 => format!("{share:.1} %"),
        _ => "< 0.1 %".to_owned(),
    }
}
