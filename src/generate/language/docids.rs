//! Docids by a language model, held to the rules.
//!
//! - I1. Every docid obeys [`obeys_docid_rules`](super::obeys_docid_rules).
//! - I2. A docid follows from the document, the statistics, the model's text, and which docids
//!   are taken already.

use std::collections::HashSet;

use super::super::docids::led_by_each;
use super::super::terms::TermStats;
use super::PromptStyle;
use super::examples::EXAMPLES;
use super::excerpt::{excerpt, room};
use super::rules::{DocidOrigin, LanguageDocidOptions, Vocabulary};
use crate::language::{GenerationRequest, Prompt, Sampling, TextGenerator, TuningPair};
use crate::{Document, Result};

/// The docids of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LanguageDocids {
    /// The docid, and the same led by another of its words.
    pub docids: Vec<String>,
    /// Where it comes from.
    pub origin: DocidOrigin,
    /// True if another document has it too, and no term of this one could tell them apart.
    pub is_shared: bool,
    /// Tokens that the model read.
    pub prompt_tokens: usize,
    /// Tokens that it wrote.
    pub new_tokens: usize,
}

/// Writes docids with a language model.
pub struct DocidWriter<'a> {
    generator: &'a dyn TextGenerator,
    options: LanguageDocidOptions,
    document_tokens: usize,
}

impl<'a> DocidWriter<'a> {
    /// Prepares the prompts.
    ///
    /// # Errors
    ///
    /// [`Limit`](crate::ErrorKind::Limit) when the model reads too little for them.
    pub fn new(
        generator: &'a dyn TextGenerator,
        options: LanguageDocidOptions,
    ) -> Result<DocidWriter<'a>> {
        let empty = generator.prompt_tokens(&prompt(options.style, ""))?;
        Ok(DocidWriter {
            document_tokens: room(generator, empty, options.max_new_tokens)?,
            generator,
            options,
        })
    }

    /// What a model learns of that is to write `docid` for `document`.
    ///
    /// # Errors
    ///
    /// `Model` when the document cannot be expressed.
    pub fn pair(&self, document: &Document, docid: &str) -> Result<TuningPair> {
        Ok(self.options.style.pair(self.prompt(document)?, docid))
    }

    fn prompt(&self, document: &Document) -> Result<Prompt> {
        let style = self.options.style;
        let text = excerpt(
            self.generator,
            document,
            self.document_tokens,
            style.is_flat(),
        )?;
        Ok(prompt(style, &text))
    }

    /// Docids for `documents`, in their order. `is_taken` tells whether a document outside this
    /// call has a docid already; `progress` gets the number of documents done and the tokens read
    /// and written for the last of them.
    ///
    /// # Errors
    ///
    /// `Limit` when prompts do not fit into the model's context, `Model` when it fails; what
    /// `is_taken` and `progress` give, which ends the writing.
    pub fn write(
        &self,
        documents: &[&Document],
        stats: &TermStats,
        is_taken: &mut dyn FnMut(&str) -> Result<bool>,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
    ) -> Result<Vec<LanguageDocids>> {
        let requests = documents.iter().map(|document| {
            Ok(GenerationRequest {
                prompt: self.prompt(document)?,
                name: document.id.clone(),
                samples: 1,
                sampling: Sampling::GREEDY,
                max_new_tokens: self.options.max_new_tokens,
                stop: self.options.style.stop(),
            })
        });
        let requests = requests.collect::<Result<Vec<_>>>()?;
        let mut written: Vec<(String, usize, usize)> = vec![Default::default(); documents.len()];
        let mut count = 0;
        self.generator.generate(&requests, &mut |at, generated| {
            let completion = generated.completions.into_iter().next();
            if let (Some(slot), Some(completion)) = (written.get_mut(at), completion) {
                *slot = (completion.text, generated.prompt_tokens, completion.tokens);
            }
            count += 1;
            let tokens = written.get(at).map_or(0, |slot| slot.1 + slot.2);
            progress(count, tokens)
        })?;
        let mut own: HashSet<String> = HashSet::new();
        documents
            .iter()
            .zip(written)
            .map(|(document, (text, prompt_tokens, new_tokens))| {
                let words = Vocabulary::of(document, stats);
                let (docid, origin) = words.docid(&text, document, &self.options);
                let (docid, is_shared) = words.unique(docid, &self.options, &mut |docid| {
                    Ok(own.contains(docid) || is_taken(docid)?)
                })?;
                own.insert(docid.join(" "));
                Ok(LanguageDocids {
                    docids: led_by_each(&docid, self.options.per_document),
                    origin,
                    is_shared,
                    prompt_tokens,
                    new_tokens,
                })
            })
            .collect()
    }
}

/// The question for a docid.
fn prompt(style: PromptStyle, document: &str) -> Prompt {
    match style {
        PromptStyle::FewShot => {
            let mut text = String::from(
                "Keywords name a document: six to eight words of it, the general ones first, \
                 the special ones last.\n\n",
            );
            for example in &EXAMPLES {
                text.push_str(&format!(
                    "Document: {}\nKeywords: {}\n\n",
                    example.document, example.docid
                ));
            }
            text.push_str(&format!("Document: {document}\nKeywords:"));
            Prompt::Completion(text)
        }
        PromptStyle::Bare => Prompt::Completion(format!("Document: {document}\nKeywords:")),
        PromptStyle::Instruction => Prompt::Chat {
            system: String::new(),
            user: format!(
                "Give the document below a name made of keywords, by which it can be told from \
                 all others in a large collection.\n\
                 - Six to eight words on one line, in lowercase letters and digits, nothing \
                 between them but single spaces.\n\
                 - Three to five of them are its central terms, spelt as the document spells \
                 them; special terms such as pd3.1 stay whole.\n\
                 - From the general to the special: first what it is about, last what only it \
                 has.\n\
                 - Nouns, names and figures. No articles, prepositions, pronouns or verbs.\n\
                 - Nothing that is not in the document.\n\
                 Answer with the name and nothing else.\n\nDocument:\n{document}"
            ),
        },
    }
}
