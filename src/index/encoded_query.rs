//! A query as the encoder understands it.

use super::snapshot::Snapshot;
use crate::encode::TextEncoder;
use crate::late_interaction::query_token_vectors;
use crate::{Error, Result};

/// A query's vector, and those of its tokens where the index compares them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EncodedQuery {
    /// The unit vector of the query with its instruction.
    pub(super) vector: Vec<f32>,
    /// `[tokens, dim]`: unit vectors of the tokens of the query, without its instruction.
    pub(super) token_vectors: Vec<f32>,
}

impl EncodedQuery {
    /// The unit vector of the query with its instruction.
    pub fn vector(&self) -> &[f32] {
        &self.vector
    }
}

/// A query of which only the unit vector is known; no tokens are compared.
impl From<Vec<f32>> for EncodedQuery {
    fn from(vector: Vec<f32>) -> Self {
        EncodedQuery {
            vector,
            token_vectors: Vec::new(),
        }
    }
}

impl Snapshot {
    /// Encodes a query. Errors when it is blank.
    pub(crate) fn encode_query(
        &self,
        encoder: &dyn TextEncoder,
        query: &str,
        instruction: Option<&str>,
    ) -> Result<EncodedQuery> {
        if query.trim().is_empty() {
            return Err(Error::invalid("the query is empty: give at least one word"));
        }
        let params = &self.params().encoder;
        let instructed = instruction.map(|instruction| format!("{instruction}\n{query}"));
        let instructed = instructed.as_deref().unwrap_or(query);
        if !params.token_vectors {
            let vector = encoder.encode(&[instructed], params.max_query_tokens, &mut |_, _| {})?;
            return Ok(vector.into());
        }
        // The tokens of an instruction are in no document: those compared are the query's own.
        let texts = [instructed, query];
        let texts = match instruction {
            Some(_) => &texts[..],
            None => &texts[1..],
        };
        let mut token_vectors = Vec::new();
        let mut vector = encoder.encode_tokens(
            texts,
            params.max_query_tokens,
            &mut |_, _| {},
            &mut |number, text| {
                if number + 1 == texts.len() {
                    token_vectors = query_token_vectors(text, params.dim);
                }
            },
        )?;
        vector.truncate(params.dim);
        Ok(EncodedQuery {
            vector,
            token_vectors,
        })
    }
}
