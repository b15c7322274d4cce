//! The lexicon of one segment: its terms, their postings, and how long its documents are.

use zerocopy::little_endian::U32;

use super::analyser::is_minor;
use super::postings::Postings;
use super::sections;
use super::words::MAX_WORD_CHARS;
use crate::columns::SectionSource;
use crate::columns::transducer::{Keys, State, Transducer, union};
use crate::format::SectionKind;
use crate::store::Section;
use crate::{Error, Result};

/// The lexicon of the texts of documents.
pub(super) const TEXTS: LexiconKinds = LexiconKinds {
    terms: sections::TERMS,
    postings: sections::TERM_POSTINGS,
    lengths: sections::DOCUMENT_LENGTHS,
};

/// No term is longer: a stem is not longer than its word, and no character takes more than four.
const MAX_TERM_BYTES: usize = 4 * MAX_WORD_CHARS;

/// The sections of one lexicon.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LexiconKinds {
    /// Transducer from term to the place of its postings.
    pub(crate) terms: SectionKind,
    /// Postings of all terms.
    pub(crate) postings: SectionKind,
    /// Number of terms of each document.
    pub(crate) lengths: SectionKind,
}

/// Term -> documents, read in place.
///
/// Opening checks the frame; what it leads to is checked on every access, so that opening costs
/// no more than reading the checksums did.
#[derive(Debug, Clone)]
pub struct Lexicon {
    terms: Transducer,
    postings: Section,
    lengths: Section,
    document_count: u32,
}

impl Lexicon {
    /// Reads the lexicon of the texts of a segment of `document_count` documents.
    ///
    /// # Errors
    ///
    /// `Corrupt` when a part is missing or damaged or does not fit the others, `UnsupportedVersion`
    /// when its encoding is not known, `Io` when it cannot be read.
    pub fn open(source: &dyn SectionSource, document_count: u32) -> Result<Self> {
        Lexicon::open_of(TEXTS, source, document_count)
    }

    /// As [`Lexicon::open`], the one in the sections `of`.
    pub(crate) fn open_of(
        of: LexiconKinds,
        source: &dyn SectionSource,
        document_count: u32,
    ) -> Result<Self> {
        let terms = source.section(of.terms)?;
        let term_count = terms.entry_count();
        let terms = Transducer::open(terms).ok_or_else(|| damaged("its terms are none"))?;
        let postings = source.section(of.postings)?;
        let lengths = source.section(of.lengths)?;
        if terms.key_count() != term_count || postings.entry_count() != term_count {
            return Err(damaged("its parts differ in the number of terms"));
        }
        if lengths.as_slice_of::<U32>()?.len() != document_count as usize {
            return Err(damaged("it has not one length for each document"));
        }
        Ok(Lexicon {
            terms,
            postings,
            lengths,
            document_count,
        })
    }

    /// Number of distinct terms.
    pub fn term_count(&self) -> u64 {
        self.terms.key_count()
    }

    /// By ordinal: how many terms a document has, repeated ones counted.
    pub(crate) fn lengths(&self) -> &[U32] {
        self.lengths.as_slice_of().unwrap_or_default()
    }

    /// Which documents contain `term`; `None` when none does.
    pub(crate) fn postings(&self, term: &str) -> Result<Option<Postings<'_>>> {
        let offset = self.terms.get(term.as_bytes());
        offset.map(|offset| self.postings_at(offset)).transpose()
    }

    /// Calls `each` with every term that begins with `prefix`, ascending, and which documents
    /// contain it.
    pub(super) fn for_each_from(
        &self,
        prefix: &str,
        mut each: impl FnMut(&str, Postings<'_>) -> Result<()>,
    ) -> Result<()> {
        let Some(mut terms) = Keys::from_prefix(&self.terms, prefix.as_bytes(), MAX_TERM_BYTES)
        else {
            return Ok(());
        };
        while terms.advance()? {
            each(term_text(&terms)?, self.postings_at(terms.output())?)?;
        }
        Ok(())
    }

    /// The characters that terms begin with, ascending.
    pub(super) fn first_characters(&self) -> impl Iterator<Item = char> {
        let mut found = Vec::new();
        collect_first_characters(&self.terms, self.terms.root(), &mut Vec::new(), &mut found);
        found.into_iter()
    }

    /// The postings at `offset`.
    pub(super) fn postings_at(&self, offset: u64) -> Result<Postings<'_>> {
        let bytes = usize::try_from(offset)
            .ok()
            .and_then(|offset| self.postings.get(offset..));
        let bytes = bytes.ok_or_else(|| self.postings.damaged("a term leads nowhere"))?;
        let postings = Postings::open(bytes, self.document_count);
        postings.map_err(|error| self.postings.located(error))
    }

    /// All terms in ascending order, each with the offset of its postings.
    pub(super) fn terms(&self) -> Keys<'_> {
        Keys::ascending(&self.terms, MAX_TERM_BYTES)
    }

    /// Calls `each` with every term, ascending, and which documents contain it.
    pub(crate) fn for_each_term(
        &self,
        mut each: impl FnMut(&str, Postings<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut terms = self.terms();
        while terms.advance()? {
            each(term_text(&terms)?, self.postings_at(terms.output())?)?;
        }
        Ok(())
    }

    /// Checks what opening takes on trust: that all terms and postings can be read and fill their
    /// sections, and that a document has as many terms as its length says.
    pub(crate) fn check(&self) -> Result<()> {
        let mut lengths = vec![0u64; self.document_count as usize];
        let mut terms = self.terms();
        let mut before = Vec::new();
        let mut offset = 0;
        while terms.advance()? {
            if terms.key() <= before.as_slice() {
                return Err(damaged("its terms do not ascend"));
            }
            before.clear();
            before.extend_from_slice(terms.key());
            if terms.output() != offset {
                return Err(damaged(
                    "the postings of a term are not where they should be",
                ));
            }
            let counts = !is_minor(term_text(&terms)?);
            let rest = self.postings_at(offset)?.read(|ordinal, count| {
                if !counts {
                    return;
                }
                if let Some(length) = lengths.get_mut(ordinal as usize) {
                    *length += u64::from(count);
                }
            })?;
            offset = (self.postings.len() - rest.len()) as u64;
        }
        if offset != self.postings.len() as u64 {
            return Err(damaged("there are postings of no term"));
        }
        let stored = self.lengths().iter().map(|length| u64::from(length.get()));
        if !stored.eq(lengths) {
            return Err(damaged("a document has more or fewer terms than it should"));
        }
        Ok(())
    }
}

/// Calls `each` with every term of `lexicons` that begins with `prefix`, ascending, and which
/// documents contain it, by the place of the lexicon among them.
pub(crate) fn for_each_term_from<'a>(
    lexicons: &[&'a Lexicon],
    prefix: &str,
    mut each: impl FnMut(&str, &[(usize, Postings<'a>)]) -> Result<()>,
) -> Result<()> {
    let (mut with_terms, mut streams) = (Vec::new(), Vec::new());
    for (place, lexicon) in lexicons.iter().enumerate() {
        let terms = Keys::from_prefix(&lexicon.terms, prefix.as_bytes(), MAX_TERM_BYTES);
        if let Some(terms) = terms {
            with_terms.push((place, *lexicon));
            streams.push(terms);
        }
    }
    let mut found = Vec::new();
    union(streams, |key, offsets| {
        found.clear();
        for &(stream, offset) in offsets {
            if let Some(&(place, lexicon)) = with_terms.get(stream) {
                found.push((place, lexicon.postings_at(offset)?));
            }
        }
        each(text_of(key)?, &found)
    })
}

fn term_text<'a>(terms: &'a Keys<'_>) -> Result<&'a str> {
    text_of(terms.key())
}

fn text_of(key: &[u8]) -> Result<&str> {
    std::str::from_utf8(key).map_err(|_| damaged("a term is no text"))
}

/// Follows every way from a state until the bytes are a character.
fn collect_first_characters(
    terms: &Transducer,
    state: usize,
    bytes: &mut Vec<u8>,
    found: &mut Vec<char>,
) {
    for on in terms.state(state).into_iter().flat_map(State::transitions) {
        bytes.push(on.input);
        match std::str::from_utf8(bytes) {
            Ok(text) => found.extend(text.chars()),
            // More bytes can make a character of it.
            Err(error) if error.error_len().is_none() => {
                collect_first_characters(terms, on.target, bytes, found);
            }
            Err(_) => {}
        }
        bytes.pop();
    }
}

fn damaged(what: &str) -> Error {
    Error::corrupt(format!("the lexicon of a segment is damaged: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::MemorySections;
    use crate::format::SectionInput;
    use crate::lexicon::{Analyser, LexiconBuilder, merge_lexicons};
    use proptest::prelude::*;
    use std::borrow::Cow;
    use std::collections::BTreeMap;

    type Contents = (BTreeMap<String, Vec<(u32, u32)>>, Vec<u32>);

    fn built(texts: &[&str]) -> Vec<SectionInput<'static>> {
        let mut builder = LexiconBuilder::new(Analyser::default());
        texts.iter().for_each(|text| builder.push("", text));
        builder.finish().unwrap()
    }

    fn opened(sections: &[SectionInput<'_>], document_count: u32) -> Result<Lexicon> {
        Lexicon::open(&MemorySections::new(sections).unwrap(), document_count)
    }

    fn lexicon(texts: &[&str]) -> Lexicon {
        let lexicon = opened(&built(texts), texts.len() as u32).unwrap();
        lexicon.check().unwrap();
        lexicon
    }

    fn contents(lexicon: &Lexicon) -> Result<Contents> {
        let mut terms = BTreeMap::new();
        lexicon.for_each_term(|term, postings| {
            let mut list = Vec::new();
            postings.for_each(|ordinal, count| list.push((ordinal, count)))?;
            assert_eq!(list.len() as u32, postings.document_count());
            terms.insert(term.to_owned(), list);
            Ok(())
        })?;
        let lengths = lexicon.lengths().iter().map(|length| length.get());
        Ok((terms, lengths.collect()))
    }

    const TEXTS: [&str; 4] = ["wings and a wing", "", "heat; wing IL-6", "heat of heat"];

    #[test]
    fn terms_lead_to_documents_and_counts() {
        let lexicon = lexicon(&TEXTS);
        let (terms, lengths) = contents(&lexicon).unwrap();
        let expected = [
            (" a", vec![(0, 1)]),
            (" and", vec![(0, 1)]),
            (" of", vec![(3, 1)]),
            ("heat", vec![(2, 1), (3, 2)]),
            ("il-6", vec![(2, 1)]),
            ("wing", vec![(0, 2), (2, 1)]),
        ];
        assert_eq!(lexicon.term_count(), 6);
        assert_eq!(lengths, [2, 0, 3, 2], "function words do not count");
        assert_eq!(
            terms,
            expected.map(|(term, list)| (term.to_owned(), list)).into()
        );
        assert_eq!(
            lexicon.postings("heat").unwrap().unwrap().document_count(),
            2
        );
        assert!(lexicon.postings("heats").unwrap().is_none());
        assert!(lexicon.postings("").unwrap().is_none());
    }

    #[test]
    fn nothing_has_a_lexicon_too_and_none_is_damage() {
        assert_eq!(lexicon(&["", ""]).term_count(), 0);
        assert_eq!(lexicon(&[]).lengths().len(), 0);
        assert!(opened(&[], 3).unwrap_err().is_corrupt());
        assert!(opened(&built(&TEXTS), 3).unwrap_err().is_corrupt());
        assert!(opened(&built(&TEXTS)[..2], 4).unwrap_err().is_corrupt());
    }

    proptest! {
        /// I3 of the module: a merge is what the texts that are kept would have given.
        #[test]
        fn a_merge_is_the_lexicon_of_the_texts_that_are_kept(
            segments in prop::collection::vec(prop::collection::vec(
                (prop::collection::vec(prop::sample::select(
                    vec!["wing", "wings", "heat", "il-6", "cone", "水力", "the"]), 0..6),
                any::<bool>()), 0..6), 1..5)
        ) {
            let texts = |segment: &[(Vec<&str>, bool)]| -> Vec<String> {
                segment.iter().map(|(words, _)| words.join(" ")).collect()
            };
            let lexicons: Vec<Lexicon> = segments.iter().map(|segment| {
                let texts = texts(segment);
                lexicon(&texts.iter().map(String::as_str).collect::<Vec<_>>())
            }).collect();
            let (mut kept, mut new_ordinals) = (Vec::new(), Vec::new());
            for segment in &segments {
                new_ordinals.push(texts(segment).into_iter().zip(segment).map(|(text, (_, keep))| {
                    keep.then(|| { kept.push(text); kept.len() as u32 - 1 })
                }).collect::<Vec<_>>());
            }
            let merged = merge_lexicons(&lexicons, |place, ordinal| {
                new_ordinals[place][ordinal as usize]
            }).unwrap();
            let kept: Vec<&str> = kept.iter().map(String::as_str).collect();
            let parts = |sections: Vec<SectionInput<'static>>| -> Vec<_> {
                sections.into_iter().map(|input| (input.kind, input.entry_count, input.bytes)).collect()
            };
            prop_assert_eq!(parts(merged), parts(built(&kept)));
        }

        #[test]
        fn other_bytes_are_read_to_an_end(
            damage in prop::collection::vec(
                (0usize..3, any::<prop::sample::Index>(), any::<u8>()), 1..6)
        ) {
            let mut sections = built(&TEXTS);
            for (section, at, value) in damage {
                if let Cow::Owned(bytes) = &mut sections[section].bytes {
                    let at = at.index(bytes.len());
                    bytes[at] = value;
                }
            }
            if let Ok(lexicon) = opened(&sections, 4) {
                let read = contents(&lexicon);
                if lexicon.check().is_ok() {
                    let (terms, _) = read.unwrap();
                    for (term, list) in terms {
                        let postings = lexicon.postings(&term).unwrap().unwrap();
                        prop_assert_eq!(postings.document_count() as usize, list.len());
                    }
                }
                let _ = merge_lexicons(&[lexicon.clone(), lexicon], |_, ordinal| Some(ordinal));
            }
        }
    }

    #[test]
    fn counts_are_those_of_the_listed_terms() {
        for (stemming, stop_words) in [(true, true), (false, true), (true, false)] {
            let analyser = Analyser::new(stemming, stop_words);
            let (title, text) = ("Wing flutter", "The wings flutter, a wing does not; 水力");
            let mut expected: BTreeMap<String, u32> = BTreeMap::new();
            for part in [title, text] {
                for term in [analyser.terms(part), analyser.minor_terms(part)].concat() {
                    *expected.entry(term).or_insert(0) += 1;
                }
            }
            let mut builder = LexiconBuilder::new(analyser);
            builder.push(title, text);
            let lexicon = opened(&builder.finish().unwrap(), 1).unwrap();
            lexicon.check().unwrap();
            let terms = contents(&lexicon).unwrap().0.into_iter();
            let counts: BTreeMap<_, _> = terms.map(|(term, list)| (term, list[0].1)).collect();
            assert_eq!(counts, expected);
        }
    }
}
