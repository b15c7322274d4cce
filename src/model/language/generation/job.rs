//! Requests with their prompts' tokens: which are refused, and what they have in common.

use crate::language::GenerationRequest;
use crate::{Error, Result};

/// Shared tokens from which a beginning is read once for all.
const MIN_SHARED_TOKENS: usize = 24;

/// A request with its prompt's tokens.
#[derive(Debug)]
pub(in crate::model::language) struct Job<'a> {
    pub(in crate::model::language) request: &'a GenerationRequest,
    pub(in crate::model::language) prompt: Vec<u32>,
}

/// The beginning of all prompts, if there are several and it is worth reading on its own. At
/// least one token of every prompt is behind it.
pub(in crate::model::language) fn shared_prefix<'j>(jobs: &'j [Job<'_>]) -> Option<&'j [u32]> {
    let (first, others) = jobs
        .split_first()
        .filter(|(_, others)| !others.is_empty())?;
    let mut len = first.prompt.len() - 1;
    for other in others {
        let equal = first
            .prompt
            .iter()
            .zip(&other.prompt)
            .take_while(|(a, b)| a == b)
            .count();
        len = len.min(equal).min(other.prompt.len() - 1);
    }
    first
        .prompt
        .get(..len)
        .filter(|shared| shared.len() >= MIN_SHARED_TOKENS)
}

/// Refuses what cannot be generated, before anything is.
pub(in crate::model::language) fn check(jobs: &[Job<'_>], positions: usize) -> Result<()> {
    for job in jobs {
        let (prompt, new) = (job.prompt.len(), job.request.max_new_tokens);
        if prompt == 0 {
            return Err(Error::invalid(
                "the prompt is empty: give at least one word",
            ));
        }
        if job.request.samples == 0 || new == 0 {
            return Err(Error::invalid(format!(
                "request {:?} wants no tokens: ask for at least one sample of one token",
                job.request.name
            )));
        }
        if prompt.saturating_add(new) > positions {
            return Err(Error::limit(format!(
                "the prompt of {:?} has {prompt} tokens, and with {new} new ones it does not fit \
                 into the {positions} of the language model: shorten it, or ask for fewer tokens",
                job.request.name
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{Prompt, Sampling};

    fn request(max_new_tokens: usize) -> GenerationRequest {
        GenerationRequest {
            prompt: Prompt::Completion("p".into()),
            name: "r".into(),
            samples: 1,
            sampling: Sampling::GREEDY,
            max_new_tokens,
            stop: Vec::new(),
        }
    }

    #[test]
    fn a_shared_beginning_leaves_a_token_to_every_prompt() {
        let one = request(1);
        let job = |prompt: Vec<u32>| Job {
            request: &one,
            prompt,
        };
        let long: Vec<u32> = (0..40).collect();
        let jobs = [
            job(long.clone()),
            job(long[..30].to_vec()),
            job([&long[..35], &[7]].concat()),
        ];
        assert_eq!(shared_prefix(&jobs), Some(&long[..29]));
        assert_eq!(shared_prefix(&jobs[..1]), None);
        assert_eq!(shared_prefix(&[job(long.clone()), job(vec![9, 9])]), None);
    }

    #[test]
    fn what_does_not_fit_is_refused_first() {
        let one = request(10);
        let job = |len| {
            [Job {
                request: &one,
                prompt: vec![1; len],
            }]
        };
        assert!(check(&job(22), 32).is_ok());
        assert_eq!(
            check(&job(23), 32).unwrap_err().kind(),
            crate::ErrorKind::Limit
        );
        assert!(check(&job(0), 32).unwrap_err().is_invalid_input());
    }
}
