//! The page with the form and what was found.

use maud::{Markup, html};
use zerogr::FacetCounts;

use crate::options::mode::ModeArg;

use super::asked::Asked;
use super::document_page::AskedDocument;
use super::frame;
use super::search::{Found, ShownHit};

/// The modes that are offered, with what the page calls them.
const MODES: [(ModeArg, &str); 3] = [
    (ModeArg::Planned, "meaning and words"),
    (ModeArg::Generative, "meaning"),
    (ModeArg::Lexical, "words"),
];

/// The page of the index `name`; `found` is there when something was asked for and did not fail.
pub fn page(
    name: &str,
    documents: u64,
    asked: &Asked,
    found: Option<&Found>,
    failed: Option<&str>,
) -> Markup {
    let title = match asked.q.trim() {
        "" => format!("{name} – zerogr"),
        query => format!("{query} – {name} – zerogr"),
    };
    let content = html! {
        a.skip href="#found" { "Skip to what was found" }
        header {
            h1 { (name) }
            (form(asked))
        }
        main #found {
            @if let Some(message) = failed {
                (frame::problem(message))
            }
            @if let Some(found) = found {
                (results(asked, found))
            } @else if failed.is_none() {
                p.about { (documents) " documents." }
            }
        }
    };
    frame::page(&title, &content)
}

fn form(asked: &Asked) -> Markup {
    html! {
        form action="/" method="get" role="search" {
            label.query {
                "Search"
                input type="search" name="q" value=(asked.q) autofocus[asked.q.is_empty()]
                    autocomplete="off" spellcheck="false";
            }
            label.filter {
                "Only where"
                input type="text" name="where" value=(asked.filter) autocomplete="off"
                    spellcheck="false" placeholder="year >= 2020 and not draft";
            }
            label {
                "By"
                select name="mode" {
                    @for (mode, label) in MODES {
                        option value=(mode.name()) selected[mode == asked.mode] { (label) }
                    }
                }
            }
            @if asked.walk.is_some() {
                input type="hidden" name="walk" value="1";
            }
            button { "Search" }
        }
    }
}

fn results(asked: &Asked, found: &Found) -> Markup {
    let is_alone = found.facets.is_empty();
    html! {
        h2 { @match found.hits.len() {
            0 => "Nothing was found",
            1 => "1 document",
            several => { (several) " documents" }
        } }
        p.about {
            (format!("{:.1} ms", found.time_ms))
            @if !found.is_complete {
                ", and stopped before it was done: there may be better ones"
            }
            @if asked.mode.generates() && !found.hits.is_empty() {
                ". "
                @match found.walk.is_some() {
                    true => a href=(asked.with_walk(false).link()) { "Hide how they were decoded" },
                    false => a href=(asked.with_walk(true).link()) { "Show how they were decoded" },
                }
            }
        }
        @if let Some(walk) = &found.walk {
            (walk.drawn())
        }
        div.found.alone[is_alone] {
            ol.hits {
                @for hit in &found.hits {
                    li { (shown(hit)) }
                }
            }
            @if !is_alone {
                aside.facets aria-labelledby="narrow" {
                    h2 #narrow { "Of these" }
                    @for counts in &found.facets {
                        (facet(asked, counts))
                    }
                }
            }
        }
        @if let Some(more) = asked.with_more(found.hits.len()) {
            p { a href=(more.link()) { "More" } }
        }
    }
}

fn shown(hit: &ShownHit) -> Markup {
    let document = AskedDocument {
        id: hit.id.clone(),
        from_char: hit.from_char,
    };
    let name = match hit.title.trim() {
        "" => &hit.id,
        title => title,
    };
    html! {
        h3 { a href=(document.link()) { (name) } }
        @if !hit.headings.is_empty() {
            p.values { (hit.headings.join(" › ")) }
        }
        p { (hit.snippet) }
        p.values {
            (hit.id) " · score " (format!("{:.3}", hit.score))
            @if let Some(similarity) = hit.similarity {
                " · similarity " (format!("{similarity:.2}"))
            }
        }
    }
}

fn facet(asked: &Asked, counts: &FacetCounts) -> Markup {
    html! {
        h3 { (counts.field) }
        ul {
            @for count in &counts.counts {
                @let value = count.value.to_string();
                li {
                    @match asked.narrowed(&counts.field, &count.value) {
                        Some(narrowed) => a href=(narrowed.link()) { (value) },
                        None => span { (value) },
                    }
                    span { (count.documents) }
                }
            }
        }
    }
}
