//! A document and its passages, each as a document of its own for what looks at one at a time.

use std::borrow::Cow;

use super::Document;
use crate::passages::Passage;

/// What stands before a passage: the title of its document and the headings above it (ZF-PS-07).
pub(crate) fn title_of(title: &str, headings: &[String]) -> String {
    let path = std::iter::once(title).chain(headings.iter().map(String::as_str));
    let path = path.filter(|one| !one.is_empty());
    path.collect::<Vec<_>>().join(" ")
}

/// A document and the passages it is cut into.
#[derive(Debug, Clone)]
pub(crate) struct CutDocument<'d> {
    pub(crate) document: &'d Document,
    /// Fewer than two: the document is one passage.
    pub(crate) passages: Vec<Passage>,
}

impl<'d> CutDocument<'d> {
    /// Number of passages; one at least.
    pub(crate) fn passage_count(&self) -> usize {
        self.passages.len().max(1)
    }

    /// The passages in their order: title and headings before what each says. They have the docids
    /// that the document brings, and the first has its id.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Cow<'d, Document>> + '_ {
        (0..self.passage_count()).map(|number| {
            self.part(number, |passage| {
                title_of(&self.document.title, &passage.headings)
            })
        })
    }

    /// The passages as their words are counted: every word of the document once, those of the title
    /// in the first.
    pub(crate) fn counted_parts(&self) -> impl Iterator<Item = Cow<'d, Document>> + '_ {
        (0..self.passage_count()).map(|number| {
            self.part(number, |_| match number {
                0 => self.document.title.clone(),
                _ => String::new(),
            })
        })
    }

    fn part(&self, number: usize, title: impl Fn(&Passage) -> String) -> Cow<'d, Document> {
        let document = self.document;
        let passage = match self.passages.as_slice() {
            [] | [_] => return Cow::Borrowed(document),
            passages => passages.get(number),
        };
        let Some(passage) = passage else {
            return Cow::Borrowed(document);
        };
        Cow::Owned(Document {
            id: match number {
                0 => document.id.clone(),
                _ => format!("{}#{number}", document.id),
            },
            title: title(passage),
            text: passage.of(&document.text).to_owned(),
            docids: document.docids.clone(),
            ..Document::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_are_documents_with_title_and_headings_in_front() {
        let document = Document::new("guide").title("Guide").text("Begin. Use it.");
        let whole = CutDocument {
            document: &document,
            passages: Vec::new(),
        };
        assert_eq!(
            whole.parts().collect::<Vec<_>>(),
            [Cow::Borrowed(&document)]
        );
        assert_eq!(whole.passage_count(), 1);
        let passage = |bytes: std::ops::Range<usize>, headings: &[&str]| Passage {
            chars: bytes.clone(),
            bytes,
            headings: headings.iter().map(|one| (*one).to_owned()).collect(),
        };
        let cut = CutDocument {
            document: &document,
            passages: vec![passage(0..6, &[]), passage(7..14, &["Use", "Daily"])],
        };
        let parts: Vec<_> = cut.parts().collect();
        assert_eq!(
            parts[0].as_ref(),
            &Document::new("guide").title("Guide").text("Begin.")
        );
        let second = Document::new("guide#1")
            .title("Guide Use Daily")
            .text("Use it.");
        assert_eq!(parts[1].as_ref(), &second);
        let counted: Vec<_> = cut.counted_parts().collect();
        assert_eq!(counted[0], parts[0]);
        assert_eq!(
            counted[1].as_ref(),
            &Document::new("guide#1").text("Use it.")
        );
    }
}
