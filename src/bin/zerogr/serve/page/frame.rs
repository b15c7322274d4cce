//! What all pages have around them.

use maud::{DOCTYPE, Markup, html};

/// A page of this name around `content`.
pub fn page(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                link rel="stylesheet" href="/style.css";
                link rel="icon" href="data:,";
            }
            body { (content) }
        }
    }
}

/// What is told when something failed.
pub fn problem(message: &str) -> Markup {
    html! {
        p.problem role="alert" { (message) }
    }
}
