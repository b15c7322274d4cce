//! A query as the encoder understands it.

use parking_lot::Mutex;

use super::late_interaction::MaxSim;
use crate::encode::CheckedEncoder;
use crate::segment::EncoderParams;
use crate::vectors::{LinearMap, add_scaled, normalise};
use crate::{Error, ErrorKind, Result};

/// A query's vector, and those of its tokens where the index compares them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EncodedQuery {
    /// The unit vector of the query with its instruction.
    vector: Vec<f32>,
    /// The same as judgements taught to understand it, where they did.
    taught: Option<Vec<f32>>,
    /// `[tokens, dim]`: unit vectors of the tokens of the query, without its instruction.
    token_vectors: Vec<f32>,
    /// `[tokens]`: what each counts when tokens are compared; empty where all count alike.
    token_weights: Vec<f32>,
    /// Share of its letters that the encoder does not know.
    unknown_share: f32,
    /// The fingerprint of the encoder, where that is known.
    encoder: Option<String>,
}

impl EncodedQuery {
    /// The unit vector of the query with its instruction.
    pub fn vector(&self) -> &[f32] {
        &self.vector
    }

    /// What is compared with edges and documents: its vector as judgements taught to understand it.
    pub(super) fn asked(&self) -> &[f32] {
        self.taught.as_deref().unwrap_or(&self.vector)
    }

    /// The query as a map understands it. Its plain vector stays.
    pub(crate) fn mapped(self, map: &LinearMap) -> Self {
        let dim = self.vector.len().max(1);
        let tokens = self.token_vectors.chunks_exact(dim);
        EncodedQuery {
            taught: Some(map.apply(&self.vector)),
            token_vectors: tokens.flat_map(|token| map.apply(token)).collect(),
            ..self
        }
    }

    /// The share of its letters, 0 to 1, that the encoder has no words for.
    pub fn unknown_share(&self) -> f32 {
        self.unknown_share
    }

    /// The same, made by the encoder with this fingerprint: an index of another encoder refuses it. What
    /// [`Index::encode_query`](crate::Index::encode_query) makes has it already.
    pub fn of_encoder(self, fingerprint: impl Into<String>) -> Self {
        EncodedQuery {
            encoder: Some(fingerprint.into()),
            ..self
        }
    }

    /// Refuses a query that another encoder made than that of an index.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ModelMismatch`] that names both.
    pub(super) fn check_encoder(&self, params: &EncoderParams) -> Result<()> {
        match &self.encoder {
            Some(own) if *own != params.fingerprint => Err(Error::new(
                ErrorKind::ModelMismatch,
                format!(
                    "the query was encoded by {own}, and the index by {}: encode it with the index \
                     (Index::encode_query)",
                    params.fingerprint
                ),
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn is_finite(&self) -> bool {
        let parts = [&self.vector, &self.token_vectors, &self.token_weights];
        parts.into_iter().flatten().all(|value| value.is_finite())
    }

    /// The unit vectors of its tokens, each with what it counts when tokens are compared.
    pub(super) fn tokens(&self) -> impl Iterator<Item = (&[f32], f32)> {
        let weights = self.token_weights.iter().copied();
        let vectors = self.token_vectors.chunks_exact(self.vector.len().max(1));
        vectors.zip(weights.chain(std::iter::repeat(1.0)))
    }

    /// The comparison of its tokens with those of documents; `None` when there are none.
    pub(super) fn max_sim(&self) -> Option<MaxSim> {
        let dim = self.vector.len();
        let compares = !self.token_vectors.is_empty();
        compares.then(|| MaxSim::new(&self.token_vectors, &self.token_weights, dim))
    }
}

/// A query of which only the unit vector is known; no tokens are compared, and which encoder made it is
/// for the caller to know ([`EncodedQuery::of_encoder`]).
impl From<Vec<f32>> for EncodedQuery {
    fn from(vector: Vec<f32>) -> Self {
        EncodedQuery {
            vector,
            ..EncodedQuery::default()
        }
    }
}

impl EncodedQuery {
    /// Encodes a query as `params` say. Errors when it is blank, or has no vector since it leaves
    /// no token, and for an instruction that has no place.
    pub(crate) fn new(
        encoder: &CheckedEncoder,
        params: &EncoderParams,
        query: &str,
        instruction: Option<&str>,
    ) -> Result<EncodedQuery> {
        if query.trim().is_empty() {
            return Err(Error::invalid("the query is empty: give at least one word"));
        }
        let prompted = Prompted::new(&params.query_prompt, instruction, query);
        if let (Some(late), [_, _, ..]) = (&params.late_interaction, prompted.texts.as_slice()) {
            return Err(Error::invalid(format!(
                "the encoder of this index compares tokens and reads {} of a query, which have no place \
                 for an instruction: search without one",
                late.max_query_tokens
            )));
        }
        let prompt_tokens = encoder.prompt_tokens(&prompted.prompt)?;
        let texts: Vec<&str> = prompted.texts.iter().map(String::as_str).collect();
        let pooled = Mutex::new(vec![Vec::new(); texts.len()]);
        let own = Mutex::new((Vec::new(), Vec::new()));
        let vectors = encoder.encode_queries(
            &texts,
            params.max_query_tokens.saturating_add(prompt_tokens),
            &mut |_, _| Ok(()),
            Some(&|number, text| {
                let text = match number {
                    0 => text.without_first(prompt_tokens, params.dim),
                    _ => text,
                };
                if texts.len() > 1
                    && let Some(vectors) = pooled.lock().get_mut(number)
                {
                    *vectors = text.vectors.to_vec();
                }
                if number == 0 && params.token_vectors {
                    let vectors = unit_rows(text.vectors.to_vec(), params.dim);
                    *own.lock() = (vectors, text.query_weights.to_vec());
                }
            }),
        )?;
        let (vector, instructed) = vectors.split_at(params.dim.min(vectors.len()));
        if vector.iter().all(|&value| value == 0.0) {
            return Err(Error::invalid(
                "the query leaves no token that the encoder knows: use other words, or search by \
                 words alone (Mode::Lexical, `--mode lexical`)",
            ));
        }
        let (token_vectors, token_weights) = own.into_inner();
        let vector = match pooled.into_inner().as_slice() {
            [own, behind] => follow(vector, own.len(), instructed, behind),
            _ => vector.to_vec(),
        };
        Ok(EncodedQuery {
            vector,
            taught: None,
            token_vectors,
            token_weights,
            unknown_share: encoder.unknown_share(query)?,
            encoder: Some(params.fingerprint.clone()),
        })
    }
}

/// The texts that are encoded of a query: the query behind its prompt, and with an instruction that
/// has no place in the prompt, that text with the instruction before the query.
struct Prompted {
    /// What stands before the query in the first text.
    prompt: String,
    texts: Vec<String>,
}

impl Prompted {
    fn new(prompt: &str, instruction: Option<&str>, query: &str) -> Prompted {
        let placed = instruction.and_then(|instruction| placed(prompt, instruction));
        let (prompt, apart) = match placed {
            Some(placed) => (placed, None),
            None => (prompt.to_owned(), instruction),
        };
        let mut texts = vec![format!("{prompt}{query}")];
        texts.extend(apart.map(|instruction| format!("{prompt}{instruction}\n{query}")));
        Prompted { prompt, texts }
    }
}

/// Between what a prompt has a place for the task, in the published prompts that have one.
const TASK_PLACES: [(&str, &str); 2] = [("Instruct: ", "\nQuery:"), ("task: ", " | query:")];

/// The prompt with an instruction in the place of its task, if it has one.
fn placed(prompt: &str, instruction: &str) -> Option<String> {
    TASK_PLACES.iter().find_map(|(before, behind)| {
        let task = prompt.strip_prefix(before)?;
        let rest = task.get(task.find(behind)?..)?;
        Some(format!("{before}{instruction}{rest}"))
    })
}

/// A query's vector under an instruction: the mean direction of the query as it is and as it reads
/// behind the instruction. That is the mean of its own tokens there, `own_values` at the end of
/// `token_vectors`, or the vector of both where the encoder has none of tokens. An instruction
/// read as part of the query draws it away from what it asks for (`benches/QUALITY.md`).
fn follow(
    vector: &[f32],
    own_values: usize,
    instructed: &[f32],
    token_vectors: &[f32],
) -> Vec<f32> {
    let mut behind = vec![0.0; vector.len()];
    let own = token_vectors.len().checked_sub(own_values);
    match own.and_then(|start| token_vectors.get(start..)) {
        Some(own) if !own.is_empty() => own
            .chunks_exact(vector.len().max(1))
            .for_each(|row| add_scaled(&mut behind, 1.0, row)),
        _ => add_scaled(&mut behind, 1.0, instructed),
    }
    normalise(&mut behind);
    add_scaled(&mut behind, 1.0, vector);
    normalise(&mut behind);
    behind
}

fn unit_rows(mut rows: Vec<f32>, dim: usize) -> Vec<f32> {
    rows.chunks_exact_mut(dim.max(1)).for_each(|row| {
        normalise(row);
    });
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: &[f32], b: &[f32]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6)
    }

    #[test]
    fn an_instruction_takes_the_place_of_the_task_or_stands_before_the_query() {
        let texts = |prompt: &str, instruction| Prompted::new(prompt, instruction, "q").texts;
        assert_eq!(texts("", None), ["q"]);
        assert_eq!(texts("", Some("find")), ["q", "find\nq"]);
        assert_eq!(
            texts("query: ", Some("find")),
            ["query: q", "query: find\nq"]
        );
        let prompt = "Instruct: Given a web query, retrieve passages\nQuery: ";
        assert_eq!(texts(prompt, Some("find")), ["Instruct: find\nQuery: q"]);
        let prompt = "task: search result | query: ";
        assert_eq!(texts(prompt, Some("find")), ["task: find | query: q"]);
        assert_eq!(texts(prompt, None), ["task: search result | query: q"]);
    }

    #[test]
    fn an_instruction_turns_the_query_by_its_own_tokens_only() {
        let half = 0.5f32.sqrt();
        // Two tokens of an instruction, then one of the query.
        let tokens = [9.0, 9.0, -7.0, 3.0, 0.0, 2.0];
        let followed = follow(&[1.0, 0.0], 2, &[0.0, -1.0], &tokens);
        assert!(close(&followed, &[half, half]), "{followed:?}");
    }

    /// ZF-QM-01.
    #[test]
    fn a_map_turns_the_query_and_its_tokens_and_leaves_its_cosine() {
        let mut bytes = vec![0u8; 8];
        bytes[2..4].copy_from_slice(&half::f16::ONE.to_le_bytes());
        let map = LinearMap::from_bytes(&bytes, 2).unwrap();
        let plain = EncodedQuery {
            token_vectors: vec![0.0, 1.0, 1.0, 0.0],
            ..EncodedQuery::from(vec![0.0, 1.0])
        };
        assert_eq!(plain.asked(), plain.vector());
        let half = 0.5f32.sqrt();
        let mapped = plain.mapped(&map);
        assert_eq!(mapped.vector(), [0.0, 1.0]);
        assert!(close(mapped.asked(), &[half, half]));
        assert!(close(&mapped.token_vectors, &[half, half, 1.0, 0.0]));
    }

    #[test]
    fn without_vectors_of_tokens_the_whole_counts() {
        let half = 0.5f32.sqrt();
        let followed = follow(&[1.0, 0.0], 0, &[0.0, -1.0], &[]);
        assert!(close(&followed, &[half, -half]), "{followed:?}");
        assert_eq!(unit_rows(vec![0.0, 2.0, 3.0, 0.0], 2), [0.0, 1.0, 1.0, 0.0]);
    }
}
