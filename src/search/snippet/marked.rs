//! A part of a text with places marked in it.

use std::ops::Range;

use super::matches::Matches;

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
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Mark {
    /// Where the text of the snippet has it, in bytes.
    pub bytes: Range<usize>,
    /// Where the text of the snippet has it, in characters.
    pub chars: Range<usize>,
    /// Why it is marked.
    pub kind: MarkKind,
}

/// Why a place is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MarkKind {
    /// It is a word of the query, in whatever form.
    Word,
    /// Late interaction found a part of the query's meaning in it.
    Meaning,
}

impl Snippet {
    /// That of `bytes` of a stored text. Marks are places in the snippet, in order and apart.
    pub(super) fn new(
        stored: &str,
        bytes: Range<usize>,
        marks: Vec<(Range<usize>, MarkKind)>,
    ) -> Snippet {
        let count = |text: &str, range| text.get(range).unwrap_or("").chars().count();
        let first_char = count(stored, 0..bytes.start);
        let text = stored.get(bytes.clone()).unwrap_or("");
        let (mut from, mut from_char) = (0, 0);
        let mark = |(bytes, kind): (Range<usize>, MarkKind)| {
            let start = from_char + count(text, from..bytes.start);
            let chars = start..start + count(text, bytes.clone());
            (from, from_char) = (bytes.end, chars.end);
            Mark { bytes, chars, kind }
        };
        Snippet {
            text: text.to_owned(),
            chars: first_char..first_char + text.chars().count(),
            marks: marks.into_iter().map(mark).collect(),
            bytes,
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

    /// The text as HTML: what has a meaning there is escaped, words are in `<mark>`, and those of
    /// [`MarkKind::Meaning`] in `<mark class="meaning">`.
    pub fn to_html(&self) -> String {
        let mut html = String::with_capacity(self.text.len());
        for (part, kind) in self.parts() {
            let (open, close) = match kind {
                Some(MarkKind::Word) => ("<mark>", "</mark>"),
                Some(MarkKind::Meaning) => ("<mark class=\"meaning\">", "</mark>"),
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

/// What to mark of what lies in a window, and where in it: words, and meaning where they are none.
pub(super) fn marks(
    words: &Matches,
    meaning: &Matches,
    window: &Range<usize>,
) -> Vec<(Range<usize>, MarkKind)> {
    let inside = |bytes: &Range<usize>| bytes.start >= window.start && bytes.end <= window.end;
    let within = |matches: &Matches| -> Vec<Range<usize>> {
        let places = matches.places.iter().map(|place| place.bytes.clone());
        places.filter(inside).collect()
    };
    let words = joined(within(words));
    let mut meaning = within(meaning);
    meaning.retain(|place| {
        let ended = words.partition_point(|word| word.end <= place.start);
        words.get(ended).is_none_or(|word| word.start >= place.end)
    });
    let of_kind = |places: Vec<Range<usize>>, kind| {
        let within = |bytes: Range<usize>| bytes.start - window.start..bytes.end - window.start;
        places.into_iter().map(move |bytes| (within(bytes), kind))
    };
    let meaning = of_kind(joined(meaning), MarkKind::Meaning);
    let mut marks: Vec<_> = of_kind(words, MarkKind::Word).chain(meaning).collect();
    marks.sort_by_key(|(bytes, _)| bytes.start);
    marks
}

/// Places by where they begin, those that meet as one.
fn joined(places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::new();
    for place in places {
        match joined.last_mut() {
            Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
            _ => joined.push(place),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(places: &[(usize, usize)]) -> Matches {
        let mut matches = Matches::default();
        for &(start, end) in places {
            matches.push(start..end, 1.0);
        }
        matches
    }

    #[test]
    fn a_word_is_marked_as_a_word() {
        let words = matches(&[(0, 2), (1, 3), (8, 9)]);
        let meaning = matches(&[(0, 3), (4, 5), (5, 6), (7, 9), (9, 10), (12, 14)]);
        let expected = [
            (0..3, MarkKind::Word),
            (4..6, MarkKind::Meaning),
            (8..9, MarkKind::Word),
            (9..10, MarkKind::Meaning),
        ];
        assert_eq!(marks(&words, &meaning, &(0..13)), expected);
        let expected = [(0..1, MarkKind::Word), (1..2, MarkKind::Meaning)];
        assert_eq!(marks(&words, &meaning, &(8..13)), expected);
    }

    #[test]
    fn html_shows_what_the_text_is() {
        let marks = marks(&matches(&[(0, 1)]), &matches(&[(2, 3)]), &(0..5));
        let snippet = Snippet::new("<b>&\"'", 0..6, marks);
        assert_eq!(
            snippet.to_html(),
            "<mark>&lt;</mark>b<mark class=\"meaning\">&gt;</mark>&amp;&quot;&#39;"
        );
    }

    proptest! {
        #[test]
        fn parts_are_the_text(
            text in "[a-zé<水 ]{0,30}",
            places in prop::collection::vec((0usize..30, 0usize..4, any::<bool>()), 0..8),
        ) {
            let mut places = places;
            places.sort_unstable();
            let of = |is_word: bool| {
                let kind = places.iter().filter(|place| place.2 == is_word);
                let ranges = kind.map(|&(start, len, _)| {
                    let bound = |at: usize| text.ceil_char_boundary(at.min(text.len()));
                    (bound(start), bound(start + len))
                });
                matches(&ranges.filter(|(start, end)| start < end).collect::<Vec<_>>())
            };
            let marks = marks(&of(true), &of(false), &(0..text.len()));
            let snippet = Snippet::new(&text, 0..text.len(), marks);
            let together: String = snippet.parts().map(|(part, _)| part).collect();
            prop_assert_eq!(&together, &text);
            let marked: Vec<&str> = snippet.parts().filter(|part| part.1.is_some()).map(|part| part.0).collect();
            let expected: Vec<&str> = snippet.marks.iter().map(|mark| &text[mark.bytes.clone()]).collect();
            prop_assert_eq!(&marked, &expected);
            let characters: Vec<char> = text.chars().collect();
            let by_chars = snippet.marks.iter().map(|mark| characters[mark.chars.clone()].iter().collect());
            let by_chars: Vec<String> = by_chars.collect();
            prop_assert_eq!(by_chars, expected);
            prop_assert!(snippet.marks.is_sorted_by(|a, b| a.bytes.end <= b.bytes.start));
        }
    }
}
