//! A part of a text with places marked in it.

use std::ops::Range;

use super::matches::{Match, Matches};

/// A part of a document's text that answers a query, with what to mark in it.
///
/// It is empty where the document has no text, even if it has a title.
///
/// ```
/// # use zerogr::{Document, EncoderSource, Index, IndexOptions, SearchOptions, SnippetOptions};
/// # fn main() -> zerogr::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let index = Index::create(folder.path().join("a.zgr"), IndexOptions::lexical())?;
/// # let mut writer = index.writer()?;
/// # writer.add(Document::new("doc-1").text("Thin wings (< 1 mm) may vibrate."))?;
/// # writer.commit()?;
/// let result = index.search("thin wing", &SearchOptions::new())?;
/// let options = SnippetOptions::new();
/// let snippet = result.snapshot().snippet(&result.hits[0], "thin wing", &options)?;
/// assert_eq!(snippet.text, "Thin wings (< 1 mm) may vibrate.");
/// assert_eq!(
///     snippet.to_html(),
///     "<mark>Thin</mark> <mark>wings</mark> (&lt; 1 mm) may vibrate."
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snippet {
    /// A slice of the stored text.
    pub text: String,
    /// Where the stored text has it, in bytes.
    pub bytes: Range<usize>,
    /// Where the stored text has it, in characters.
    pub chars: Range<usize>,
    /// What to mark, in order and apart from each other.
    pub marks: Vec<Mark>,
}

/// A place to mark.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mark {
    /// Where the text of the snippet has it, in bytes.
    pub bytes: Range<usize>,
    /// Why it is marked.
    pub kind: MarkKind,
}

/// Why a place is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MarkKind {
    /// It is a word of the query, in whatever form.
    Word,
}

impl Snippet {
    /// That of `bytes` of a stored text.
    pub(super) fn new(stored: &str, bytes: Range<usize>, marks: Vec<Mark>) -> Snippet {
        let count = |range: Range<usize>| stored.get(range).unwrap_or("").chars().count();
        let first_char = count(0..bytes.start);
        Snippet {
            text: stored.get(bytes.clone()).unwrap_or("").to_owned(),
            chars: first_char..first_char + count(bytes.clone()),
            bytes,
            marks,
        }
    }

    /// The text in parts, each with why it is marked, if it is. Together they are the text.
    pub fn parts(&self) -> impl Iterator<Item = (&str, Option<MarkKind>)> {
        let marked = self.marks.iter().scan(0, |end, mark| {
            let before = *end..mark.bytes.start;
            *end = mark.bytes.end;
            Some([(before, None), (mark.bytes.clone(), Some(mark.kind))])
        });
        let rest = self.marks.last().map_or(0, |mark| mark.bytes.end)..self.text.len();
        let ranges = marked.flatten().chain([(rest, None)]);
        let parts = ranges.map(|(range, kind)| (self.text.get(range).unwrap_or(""), kind));
        parts.filter(|(part, _)| !part.is_empty())
    }

    /// The text as HTML: what has a meaning there is escaped, marks are `<mark>`.
    pub fn to_html(&self) -> String {
        let mut html = String::with_capacity(self.text.len());
        for (part, kind) in self.parts() {
            let (open, close) = match kind {
                Some(MarkKind::Word) => ("<mark>", "</mark>"),
                None => ("", ""),
            };
            html.push_str(open);
            for character in part.chars() {
                match character {
                    '&' => html.push_str("&amp;"),
                    '<' => html.push_str("&lt;"),
                    '>' => html.push_str("&gt;"),
                    '"' => html.push_str("&quot;"),
                    '\'' => html.push_str("&#39;"),
                    other => html.push(other),
                }
            }
            html.push_str(close);
        }
        html
    }
}

/// The marks of what lies in a window; places that meet are one.
pub(super) fn marks(matches: &Matches, window: &Range<usize>) -> Vec<Mark> {
    let inside =
        |place: &&Match| place.bytes.start >= window.start && place.bytes.end <= window.end;
    let mut marks: Vec<Mark> = Vec::new();
    for place in matches.places.iter().filter(inside) {
        let bytes = place.bytes.start - window.start..place.bytes.end - window.start;
        match marks.last_mut() {
            Some(last) if bytes.start <= last.bytes.end => {
                last.bytes.end = last.bytes.end.max(bytes.end);
            }
            _ => marks.push(Mark {
                bytes,
                kind: MarkKind::Word,
            }),
        }
    }
    marks
}
