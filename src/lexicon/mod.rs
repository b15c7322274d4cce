//! The words of documents: how texts become terms, and which documents contain which term.
mod analyser;
mod stop_words;
mod words;

pub use analyser::{Analyser, MAX_TERM_TEXT_BYTES, MAX_TERM_WORDS};
pub(crate) use analyser::{EnglishStemmer, counted_words, examined, is_term};
pub use stop_words::is_stop_word;
pub(crate) use words::is_unspaced;
pub use words::{MAX_WORD_CHARS, words};
