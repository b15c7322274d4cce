//! The page of a document, or of a piece of a long one.

use maud::{Markup, html};
use serde::Deserialize;
use zerogr::Document;

use super::frame;

/// Characters of a text that are shown at once.
const PIECE_CHARS: usize = 50_000;

/// A document, and where in its text to begin.
#[derive(Debug, Clone, Deserialize)]
pub struct AskedDocument {
    /// Its id.
    pub id: String,
    /// In characters.
    #[serde(default)]
    pub from_char: usize,
}

impl AskedDocument {
    /// The address of the page that shows it.
    pub fn link(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("id", &self.id);
        if self.from_char > 0 {
            query.append_pair("from_char", &self.from_char.to_string());
        }
        format!("/document?{}", query.finish())
    }

    fn from(&self, from_char: usize) -> AskedDocument {
        AskedDocument {
            from_char,
            ..self.clone()
        }
    }
}

/// The page.
pub fn page(document: &Document, asked: &AskedDocument) -> Markup {
    let name = match document.title.trim() {
        "" => document.id.as_str(),
        title => title,
    };
    let text_chars = document.text.chars().count();
    let piece: String = document
        .text
        .chars()
        .skip(asked.from_char)
        .take(PIECE_CHARS)
        .collect();
    let end = asked.from_char.saturating_add(PIECE_CHARS);
    let content = html! {
        header {
            h1 { (name) }
            p.values { (document.id) @for tag in &document.tags { " · " (tag) } }
        }
        main {
            @if document.fields.iter().next().is_some() {
                table {
                    caption { "Fields" }
                    @for (field, json) in document.fields.iter() {
                        tr { th scope="row" { (field) } td { (json) } }
                    }
                }
            }
            @if asked.from_char > 0 {
                p {
                    a href=(asked.from(asked.from_char.saturating_sub(PIECE_CHARS)).link()) { "Before" }
                    " · from character " (asked.from_char) " of " (text_chars)
                }
            }
            div.document { (piece) }
            @if end < text_chars {
                p { a href=(asked.from(end).link()) { "Go on" } }
            }
        }
    };
    frame::page(&format!("{name} – zerogr"), &content)
}
