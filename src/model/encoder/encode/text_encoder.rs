//! The encoder as the engine asks it.

use std::ops::Range;

use super::Encoder;
use crate::Result;
use crate::encode::{DocidTokenizer, EachText, TextEncoder};
use crate::model::encoder::late_interaction::Role;
use crate::model::encoder::lower_case::before_lower_case;

impl TextEncoder for Encoder {
    fn dim(&self) -> usize {
        self.dim
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    fn tokenizer(&self) -> &dyn DocidTokenizer {
        &self.tokenizer
    }

    fn encode(
        &self,
        texts: &[&str],
        max_len_tokens: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
    ) -> Result<Vec<f32>> {
        Encoder::encode(self, texts, max_len_tokens, progress)
    }

    fn prompt_tokens(&self, prompt: &str) -> Result<usize> {
        match self.reader {
            // Its tokens are compared like those of the text.
            Some(_) => Ok(0),
            // White space at its end belongs to the first token of the text.
            None => self.token_count(prompt.trim_end()),
        }
    }

    fn token_count(&self, text: &str) -> Result<usize> {
        Ok(self.tokenizer.encode_plain(&self.as_read(text))?.len())
    }

    fn unknown_share(&self, text: &str) -> Result<f32> {
        self.tokenizer.unknown_share(&self.as_read(text))
    }

    fn has_token_vectors(&self) -> bool {
        !self.pooled
    }

    fn encode_tokens(
        &self,
        texts: &[&str],
        max_len_tokens: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
        each: EachText<'_>,
    ) -> Result<Vec<f32>> {
        self.encode_each(texts, max_len_tokens, Role::Document, progress, Some(each))
    }

    fn encode_queries(
        &self,
        texts: &[&str],
        max_len_tokens: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
        each: Option<EachText<'_>>,
    ) -> Result<Vec<f32>> {
        self.encode_each(texts, max_len_tokens, Role::Query, progress, each)
    }

    fn token_ranges(&self, text: &str, max_len_tokens: usize) -> Result<Option<Vec<Range<usize>>>> {
        let limit = max_len_tokens.min(self.max_len_tokens);
        let read = self.as_read(text);
        let ranges = match &self.reader {
            Some(reader) => reader.document_ranges(&self.tokenizer, &read, limit)?,
            None => self.tokenizer.token_ranges(&read, limit)?,
        };
        Ok(Some(match self.lower_case {
            true => before_lower_case(text, ranges),
            false => ranges,
        }))
    }
}
