//! Texts that an encoder is learnt from: documents, and pieces of them.
//!
//! Queries are short and documents are not, so there are as many pieces (sentences, table rows, lines of
//! code) as documents. Both are drawn at random, and no more is kept than will be used.

use super::text::Pieces;
use crate::Document;
use crate::rng::Rng;

/// Most documents, and most pieces.
const MAX_OF_A_KIND: usize = 4_000;

/// What is kept of a document: more than encoders read, and enough for pieces.
const MAX_TEXT_BYTES: usize = 32 << 10;

/// Draws documents, each as likely as any other, however many there are.
///
/// ```
/// use zerogr::{Document, raw::generate::LearningTexts};
///
/// let mut texts = LearningTexts::new(0);
/// texts.add(&Document::new("1").title("Wing flutter").text("Thin wings may vibrate."));
/// // The document, its title and its sentence.
/// let texts = texts.finish();
/// assert_eq!(texts.len(), 3);
/// assert!(texts.contains(&"Thin wings may vibrate.".to_owned()));
/// ```
#[derive(Debug, Clone)]
pub struct LearningTexts {
    rng: Rng,
    seen: u64,
    documents: Vec<String>,
}

impl LearningTexts {
    /// Draws by `seed`.
    pub fn new(seed: u64) -> LearningTexts {
        LearningTexts {
            rng: Rng::for_name(seed, "learning texts"),
            seen: 0,
            documents: Vec::new(),
        }
    }

    /// One more document; one without a letter or digit is left out.
    pub fn add(&mut self, document: &Document) {
        let parts = [&document.title, &document.text].map(|part| beginning(part));
        if !parts
            .iter()
            .any(|part| part.contains(char::is_alphanumeric))
        {
            return;
        }
        let text = || parts.join("\n\n");
        self.seen += 1;
        if self.documents.len() < MAX_OF_A_KIND {
            self.documents.push(text());
            return;
        }
        // Algorithm R (Vitter 1985).
        let place = self.rng.below(self.seen);
        let place = usize::try_from(place).ok();
        if let Some(kept) = place.and_then(|place| self.documents.get_mut(place)) {
            *kept = text();
        }
    }

    /// What was drawn, and pieces of it.
    pub fn finish(mut self) -> Vec<String> {
        let of = |document: &String| Pieces::of(document).pieces;
        let mut pieces: Vec<String> = self.documents.iter().flat_map(of).collect();
        self.rng.shuffle(&mut pieces);
        pieces.truncate(MAX_OF_A_KIND);
        self.documents.append(&mut pieces);
        self.documents
    }
}

fn beginning(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TEXT_BYTES))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_is_as_likely_as_another() {
        let many = 3 * MAX_OF_A_KIND;
        let mut texts = LearningTexts::new(1);
        for number in 0..many {
            texts.add(&Document::new("").text(format!("number {number}")));
            texts.add(&Document::new("").text("..."));
        }
        let texts = texts.finish();
        assert_eq!(texts.len(), 2 * MAX_OF_A_KIND);
        let documents = texts.get(..MAX_OF_A_KIND).unwrap();
        let number = |text: &String| text.trim().rsplit_once(' ').unwrap().1.parse::<usize>();
        let in_third = |third: usize| {
            let numbers = documents.iter().map(|text| number(text).unwrap());
            let third = third * MAX_OF_A_KIND..(third + 1) * MAX_OF_A_KIND;
            numbers.filter(|number| third.contains(number)).count()
        };
        for third in 0..3 {
            // Six standard deviations.
            let distance = in_third(third).abs_diff(MAX_OF_A_KIND / 3);
            assert!(distance < 180, "{third} {distance}");
        }
    }

    #[test]
    fn of_a_huge_document_the_beginning_is_kept() {
        let mut texts = LearningTexts::new(0);
        texts.add(&Document::new("1").title("a").text("é".repeat(1 << 20)));
        let texts = texts.finish();
        let document = texts.first().unwrap();
        assert!(document.starts_with("a\n\né") && document.len() <= MAX_TEXT_BYTES + 3);
        let pieces: usize = texts.iter().skip(1).map(String::len).sum();
        assert!(pieces <= document.len());
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let drawn = |seed| {
            let mut texts = LearningTexts::new(seed);
            for number in 0..2 * MAX_OF_A_KIND {
                texts.add(&Document::new("").text(format!("number {number}")));
            }
            texts.finish()
        };
        assert_eq!(drawn(3), drawn(3));
        assert_ne!(drawn(3), drawn(4));
    }
}
