//! A language model that says what a test wants.
#![allow(dead_code, clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};

use zerogr::raw::language::{
    Completion, Finish, Generated, GenerationRequest, Prompt, TextGenerator,
};
use zerogr::{Document, Result};

/// Answers `say(prompt, sample)`; a token is a word. Requests are finished in reverse order, as
/// they may be.
pub struct StandIn<F> {
    pub say: F,
    pub context_tokens: usize,
    /// Requests after which it fails.
    pub fails_after: usize,
    pub asked: AtomicUsize,
}

impl<F: Fn(&str, usize) -> String + Send + Sync> StandIn<F> {
    pub fn new(say: F) -> Self {
        StandIn {
            say,
            context_tokens: 4096,
            fails_after: usize::MAX,
            asked: AtomicUsize::new(0),
        }
    }
}

pub fn text_of(prompt: &Prompt) -> String {
    match prompt {
        Prompt::Completion(text) => text.clone(),
        Prompt::Chat { system, user } => format!("{system}\n{user}"),
    }
}

/// The document that a prompt ends with.
pub fn document_in(prompt: &str) -> &str {
    let from = prompt.rfind("Document:").unwrap() + "Document:".len();
    let document = prompt[from..].trim();
    let document = document.strip_suffix("Keywords:").unwrap_or(document);
    document.strip_suffix("Query:").unwrap_or(document).trim()
}

impl<F: Fn(&str, usize) -> String + Send + Sync> TextGenerator for StandIn<F> {
    fn name(&self) -> String {
        "stand-in".into()
    }

    fn fingerprint(&self) -> String {
        "stand-in-1".into()
    }

    fn follows_instructions(&self) -> bool {
        false
    }

    fn context_tokens(&self) -> usize {
        self.context_tokens
    }

    fn prompt_tokens(&self, prompt: &Prompt) -> Result<usize> {
        Ok(text_of(prompt).split_whitespace().count())
    }

    fn first_tokens<'t>(&self, text: &'t str, max_tokens: usize) -> Result<&'t str> {
        let word = text.split_whitespace().nth(max_tokens);
        let end = word.map(|word| word.as_ptr() as usize - text.as_ptr() as usize);
        Ok(&text[..end.unwrap_or(text.len())])
    }

    fn generate(
        &self,
        requests: &[GenerationRequest],
        done: &mut dyn FnMut(usize, Generated) -> Result<()>,
    ) -> Result<()> {
        for (at, request) in requests.iter().enumerate().rev() {
            let prompt_tokens = self.prompt_tokens(&request.prompt)?;
            assert!(prompt_tokens + request.max_new_tokens <= self.context_tokens);
            if self.asked.fetch_add(1, Ordering::Relaxed) >= self.fails_after {
                // The only way to an error of the library's from outside of it.
                return Document::new("").check();
            }
            let completions = (0..request.samples).map(|sample| {
                let text = (self.say)(&text_of(&request.prompt), sample);
                let stop = request
                    .stop
                    .iter()
                    .filter_map(|stop| text.trim().find(stop))
                    .min();
                let text = text.trim()[..stop.unwrap_or(text.trim().len())].to_owned();
                let tokens = text.split_whitespace().count();
                let finish = Finish::Stop;
                Completion {
                    text,
                    tokens,
                    finish,
                }
            });
            let completions = completions.collect();
            done(
                at,
                Generated {
                    prompt_tokens,
                    completions,
                },
            )?;
        }
        Ok(())
    }
}
