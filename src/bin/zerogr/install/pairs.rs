//! Pairs that a model is tuned on: from files, from judged queries, from docids.

use std::collections::HashMap;
use std::path::PathBuf;

use zerogr::Document;
use zerogr::raw::eval::Collection;
use zerogr::raw::generate::language::{
    DocidWriter, LanguageDocidOptions, LanguageQueryOptions, PromptStyle, QueryWriter,
};
use zerogr::raw::generate::{DocidOptions, TermStats, keyword_docids};
use zerogr::raw::language::TuningPair;
use zerogr::raw::model::language::LanguageModel;
use zerogr::raw::train::read_pairs;

use crate::console::failure::Failure;
use crate::options::language::Written;
use crate::options::reading::{self, ReadArgs};

/// What a model is tuned on.
pub struct Pairs {
    /// What it learns to write.
    pub writer: &'static str,
    /// The pairs.
    pub pairs: Vec<TuningPair>,
}

/// The pairs in files of JSON lines.
pub fn of_files(files: &[PathBuf]) -> Result<Pairs, Failure> {
    let mut pairs = Vec::new();
    for path in files {
        pairs.extend(read_pairs(path)?);
    }
    Ok(Pairs {
        writer: "pairs",
        pairs,
    })
}

/// Documents of collections, and the queries that they answer.
pub fn of_queries(
    folders: &[PathBuf],
    split: &str,
    instruction: &str,
    model: &LanguageModel,
) -> Result<Pairs, Failure> {
    let options = LanguageQueryOptions::new(PromptStyle::Bare, instruction, 0)?;
    let writer = QueryWriter::new(model, options)?;
    let mut pairs = Vec::new();
    for folder in folders {
        for collection in Collection::open_all(folder, split)? {
            let mut answered: HashMap<&str, Vec<&str>> = HashMap::new();
            for query in &collection.queries {
                let judged = collection.qrels.get(&query.id).into_iter().flatten();
                for (document, _) in judged.filter(|(_, score)| **score > 0.0) {
                    answered.entry(document).or_default().push(&query.text);
                }
            }
            for document in collection.documents()? {
                let document = document?;
                let queries = answered.get(document.id.as_str());
                for query in queries
                    .into_iter()
                    .flatten()
                    .filter(|_| has_text(&document))
                {
                    pairs.push(writer.pair(&document, query)?);
                }
            }
        }
    }
    Ok(Pairs {
        writer: Written::Queries.name(),
        pairs,
    })
}

/// Documents, and their docids, or keywords where a document brings none.
pub fn of_docids(inputs: &[PathBuf], model: &LanguageModel) -> Result<Pairs, Failure> {
    let mut reader = ReadArgs::default().open(inputs)?;
    let documents = reading::all(&mut reader)?;
    let mut stats = TermStats::new();
    documents.iter().for_each(|document| stats.add(document));
    let writer = DocidWriter::new(model, LanguageDocidOptions::new(PromptStyle::Bare))?;
    let keywords = |document: &Document| {
        let options = DocidOptions::default();
        keyword_docids(document, &stats, &options)
            .into_iter()
            .next()
    };
    let mut pairs = Vec::new();
    for document in documents.iter().filter(|document| has_text(document)) {
        let given = document.docids.first().cloned();
        if let Some(docid) = given.or_else(|| keywords(document)) {
            pairs.push(writer.pair(document, &docid)?);
        }
    }
    Ok(Pairs {
        writer: Written::Docids.name(),
        pairs,
    })
}

fn has_text(document: &Document) -> bool {
    !document.title.trim().is_empty() || !document.text.trim().is_empty()
}
