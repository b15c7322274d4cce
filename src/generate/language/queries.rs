//! Pseudo-queries by a language model: what somebody with a task might ask to find a document.
//!
//! Every document is asked for several times with draws of their own. What comes is filtered:
//!
//! | left out | because |
//! |---|---|
//! | nothing but signs, figures or white space | it asks nothing |
//! | what ran into the limit of tokens | it has no end |
//! | no term of the document (of a model that goes on with a text) | a small model has made it up |
//! | the instruction, an example, a label of the prompt | the model echoes |
//! | letters of another script than document and task | the model has lost the thread |
//! | what came before, letter case and punctuation aside | one is enough |
//!
//! - I1. The queries of a document follow from the document, the options and the model, whatever
//!   else is being written, up to the generator's documented noise.

use std::collections::HashSet;

use super::examples::EXAMPLES;
use super::excerpt::{excerpt, room};
use super::script::is_foreign_to;
use super::{PromptStyle, without_label};
use crate::language::{
    Completion, Finish, GenerationRequest, Prompt, Sampling, TextGenerator, TuningPair,
};
use crate::lexicon::{Analyser, words};
use crate::{Document, Error, Result};

/// The task when none is given.
pub const DEFAULT_INSTRUCTION: &str = "Given a query, find the documents that answer it.";

const LABELS: [&str; 3] = ["query", "search query", "question"];

/// A query longer than this is an essay, in characters.
const MAX_QUERY_CHARS: usize = 400;

/// How queries are written.
#[derive(Debug, Clone, PartialEq)]
pub struct LanguageQueryOptions {
    /// How the model is asked.
    pub style: PromptStyle,
    /// The task of those who search.
    pub instruction: String,
    /// Queries asked for per document; fewer remain. The paper's number: 16.
    pub per_document: usize,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// Most tokens of a query. The paper's: 64.
    pub max_new_tokens: usize,
}

impl LanguageQueryOptions {
    /// 16 queries per document for the task `instruction`, drawn with `seed`: at temperature 1, as
    /// the paper does, from a model that follows instructions; at 0.8 and among the 30 most
    /// probable tokens from one that is shown examples, or was tuned.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a blank instruction.
    pub fn new(style: PromptStyle, instruction: &str, seed: u64) -> Result<Self> {
        let instruction = instruction.split_whitespace().collect::<Vec<_>>().join(" ");
        if instruction.is_empty() {
            return Err(Error::invalid(
                "the instruction is blank: say what the searches are for, or leave it out",
            ));
        }
        let (temperature, top_k) = match style {
            PromptStyle::Instruction => (1.0, 0),
            PromptStyle::FewShot | PromptStyle::Bare => (0.8, 30),
        };
        Ok(LanguageQueryOptions {
            style,
            instruction,
            per_document: 16,
            sampling: Sampling {
                temperature,
                top_k,
                top_p: 1.0,
                seed,
            },
            max_new_tokens: 64,
        })
    }
}

/// The queries of one document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LanguageQueries {
    /// Those that passed, in the order of the draws.
    pub queries: Vec<String>,
    /// Those that were left out.
    pub left_out: usize,
    /// Tokens that the model read.
    pub prompt_tokens: usize,
    /// Tokens that it wrote.
    pub new_tokens: usize,
}

/// Writes pseudo-queries with a language model.
pub struct QueryWriter<'a> {
    generator: &'a dyn TextGenerator,
    options: LanguageQueryOptions,
    document_tokens: usize,
}

impl<'a> QueryWriter<'a> {
    /// Prepares the prompts.
    ///
    /// # Errors
    ///
    /// [`Limit`](crate::ErrorKind::Limit) when the model reads too little for them.
    pub fn new(
        generator: &'a dyn TextGenerator,
        options: LanguageQueryOptions,
    ) -> Result<QueryWriter<'a>> {
        let empty = generator.prompt_tokens(&prompt(&options, ""))?;
        Ok(QueryWriter {
            document_tokens: room(generator, empty, options.max_new_tokens)?,
            generator,
            options,
        })
    }

    /// Queries for `documents`. `done` gets a document's position and its queries, in the order
    /// in which documents are finished.
    ///
    /// # Errors
    ///
    /// `Limit` when prompts do not fit into the model's context, `Model` when it fails; what `done`
    /// gives, which ends the writing.
    pub fn write(
        &self,
        documents: &[&Document],
        done: &mut dyn FnMut(usize, LanguageQueries) -> Result<()>,
    ) -> Result<()> {
        let mut excerpts = Vec::with_capacity(documents.len());
        let mut requests = Vec::with_capacity(documents.len());
        for document in documents {
            let text = self.excerpt(document)?;
            requests.push(GenerationRequest {
                prompt: prompt(&self.options, &text),
                name: document.id.clone(),
                samples: self.options.per_document.max(1),
                sampling: self.options.sampling,
                max_new_tokens: self.options.max_new_tokens,
                stop: self.options.style.stop(),
            });
            excerpts.push(text);
        }
        self.generator.generate(&requests, &mut |at, generated| {
            let excerpt = excerpts.get(at).map_or("", String::as_str);
            let asked = generated.completions.len();
            let new_tokens = generated.completions.iter().map(|one| one.tokens).sum();
            let ended = |one: &Completion| one.finish != Finish::Length;
            let texts = generated
                .completions
                .into_iter()
                .filter(ended)
                .map(|one| one.text);
            let queries = passing(texts, excerpt, &self.options);
            let left_out = asked - queries.len();
            let found = LanguageQueries {
                queries,
                left_out,
                prompt_tokens: generated.prompt_tokens,
                new_tokens,
            };
            done(at, found)
        })
    }

    /// What a model learns of that is to write `query` for `document`.
    ///
    /// # Errors
    ///
    /// `Model` when the document cannot be expressed.
    pub fn pair(&self, document: &Document, query: &str) -> Result<TuningPair> {
        let prompt = prompt(&self.options, &self.excerpt(document)?);
        Ok(self.options.style.pair(prompt, query))
    }

    fn excerpt(&self, document: &Document) -> Result<String> {
        let flat = self.options.style.is_flat();
        excerpt(self.generator, document, self.document_tokens, flat)
    }
}

/// What passes the filter.
fn passing(
    texts: impl Iterator<Item = String>,
    excerpt: &str,
    options: &LanguageQueryOptions,
) -> Vec<String> {
    let instruction = options.instruction.as_str();
    let analyser = Analyser::default();
    let terms: HashSet<String> = analyser.terms(excerpt).into_iter().collect();
    let is_of_document = |query: &str| {
        options.style == PromptStyle::Instruction
            || terms.is_empty()
            || analyser
                .terms(query)
                .iter()
                .any(|term| terms.contains(term))
    };
    let echoes: HashSet<Vec<String>> = EXAMPLES
        .iter()
        .flat_map(|example| [example.query, example.document, example.docid])
        .chain([instruction])
        .map(|text| words(text).collect())
        .collect();
    let mut seen = HashSet::new();
    let mut queries = Vec::new();
    for text in texts {
        let line = text
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty())
            .unwrap_or("");
        let line = without_label(line, &LABELS).trim_matches(['"', '“', '”', '*', '`', ' ']);
        let query = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let key: Vec<String> = words(&query).collect();
        let lower = query.to_lowercase();
        let is_label = ["document:", "task:", "query:", "keywords:"]
            .iter()
            .any(|label| lower.contains(label));
        let passes = query.chars().any(char::is_alphabetic)
            && !key.is_empty()
            && is_of_document(&query)
            && !is_label
            && !echoes.contains(&key)
            && query.chars().nth(MAX_QUERY_CHARS).is_none()
            && !is_foreign_to(&query, &[excerpt, instruction]);
        if passes && seen.insert(key) {
            queries.push(query);
        }
    }
    queries
}

/// The question for a query.
fn prompt(options: &LanguageQueryOptions, document: &str) -> Prompt {
    let instruction = &options.instruction;
    match options.style {
        PromptStyle::FewShot => {
            let mut text = format!("Task: {instruction}\n\n");
            for example in &EXAMPLES {
                text.push_str(&format!(
                    "Document: {}\nQuery: {}\n\n",
                    example.document, example.query
                ));
            }
            text.push_str(&format!("Document: {document}\nQuery:"));
            Prompt::Completion(text)
        }
        PromptStyle::Bare => Prompt::Completion(format!(
            "Task: {instruction}\n\nDocument: {document}\nQuery:"
        )),
        PromptStyle::Instruction => Prompt::Chat {
            system: String::new(),
            user: format!(
                "People search a collection with this task: {instruction}\n\
                 Write one thing that such a person would type, and that the document below \
                 answers. It has the form that the task asks for (a question, a claim, a problem, \
                 keywords), stands on its own, and does not speak of the document.\n\
                 Answer with that one line and nothing else.\n\nDocument:\n{document}"
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(texts: &[&str]) -> Vec<String> {
        let texts = texts.iter().map(|text| (*text).to_owned());
        let options = LanguageQueryOptions::new(PromptStyle::FewShot, DEFAULT_INSTRUCTION, 0);
        passing(texts, "Thin panels may flutter.", &options.unwrap())
    }

    #[test]
    fn what_a_small_model_makes_up_does_not_pass() {
        let made_up = "what can you tell me about this document";
        assert_eq!(filtered(&[made_up, "2.15"]), [""; 0]);
        let options =
            LanguageQueryOptions::new(PromptStyle::Instruction, DEFAULT_INSTRUCTION, 0).unwrap();
        let texts = [made_up.to_owned()];
        assert_eq!(
            passing(texts.into_iter(), "Thin panels.", &options),
            [made_up]
        );
    }

    #[test]
    fn good_queries_pass_in_order() {
        let found = filtered(&["why do panels flutter?", "flutter of  thin panels"]);
        assert_eq!(found, ["why do panels flutter?", "flutter of thin panels"]);
    }

    #[test]
    fn bad_queries_do_not() {
        let essay = "panel ".repeat(200);
        let bad = [
            "",
            "\n\n",
            "?! --",
            DEFAULT_INSTRUCTION,
            EXAMPLES[0].query,
            "Document: Thin panels",
            "为什么面板会颤振",
            &essay,
        ];
        assert_eq!(filtered(&bad), [""; 0]);
    }

    #[test]
    fn repetitions_and_labels_go() {
        let found = filtered(&[
            "Query: panel flutter",
            "\"Panel flutter\"",
            "panel, flutter!\nmore",
        ]);
        assert_eq!(found, ["panel flutter"]);
    }

    #[test]
    fn a_blank_instruction_is_refused() {
        assert!(LanguageQueryOptions::new(PromptStyle::FewShot, " \n", 0).is_err());
    }
}
