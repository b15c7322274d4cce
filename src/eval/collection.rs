//! Test collections in the layouts of BEIR and of MAIR.
//!
//! ```text
//! BEIR   folder/corpus.jsonl[.gz]       {"_id", "title", "text"}
//!        folder/queries.jsonl[.gz]      {"_id", "text"}
//!        folder/qrels/SPLIT.tsv[.gz]    query-id, corpus-id, score
//!
//! MAIR   folder/docs.jsonl[.gz]         {"id", "doc"}
//!        folder/queries.jsonl[.gz]      {"qid", "instruction", "query", "labels": [{"id", "score"}]}
//!
//! several tasks that share a corpus     folder/corpus or docs, and for each task
//!                                       folder/TASK/queries.jsonl (with qrels/ beside it, or
//!                                       labels in it) or folder/queries/TASK.jsonl (with labels)
//! several collections                   folder/NAME/ in one of the layouts above
//! ```
//!
//! The names of keys may be mixed. Labels in the queries are the judgements of the split `test`,
//! where there is no `qrels` folder. The corpus is not loaded here but streamed by
//! [`crate::docs::DocumentReader`].
//!
//! I1. Only judged queries are kept, in the order of the queries file, each once.
//! I2. Every judged query has a text: a missing or blank one is an error, not a silent 0.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::qrels::Qrels;
use super::queries::read_queries;
use crate::docs::{DocumentReader, ReadOptions};
use crate::{Error, ErrorKind, Result};

pub use super::queries::Query;

/// The split whose judgements can be labels in the queries.
const LABELLED_SPLIT: &str = "test";

/// Queries and judgements of one split, and where the corpus is.
#[derive(Debug, Clone)]
pub struct Collection {
    /// Name of the folder, or of the task.
    pub name: String,
    /// The corpus file; tasks that share a corpus have the same.
    pub corpus_path: PathBuf,
    /// The judged queries.
    pub queries: Vec<Query>,
    /// The judgements.
    pub qrels: Qrels,
}

impl Collection {
    /// Loads the queries and judgements of a split, for example `test`.
    ///
    /// # Errors
    /// A file is missing or malformed (with file and line), a judged query has no text, or the
    /// folder holds several tasks.
    pub fn open(folder: &Path, split: &str) -> Result<Self> {
        let mut all = Self::open_all(folder, split)?;
        match (all.pop(), all.is_empty()) {
            (Some(only), true) => Ok(only),
            _ => Err(Error::invalid(format!(
                "{} holds several collections or tasks: name one of them",
                folder.display()
            ))),
        }
    }

    /// Loads all tasks and collections of a folder, sorted by name; at least one.
    ///
    /// # Errors
    ///
    /// A file is missing or malformed (with file and line), or a judged query has no text.
    pub fn open_all(folder: &Path, split: &str) -> Result<Vec<Self>> {
        match find_corpus(folder) {
            Some(corpus) => tasks_of(folder, &corpus, split),
            None => {
                let mut all = Vec::new();
                for inner in folders_in(folder)? {
                    if let Some(corpus) = find_corpus(&inner) {
                        all.extend(tasks_of(&inner, &corpus, split)?);
                    }
                }
                if all.is_empty() {
                    return Err(missing(folder, "corpus.jsonl"));
                }
                Ok(all)
            }
        }
    }

    /// Streams the corpus.
    ///
    /// # Errors
    /// The corpus file cannot be opened.
    pub fn documents(&self) -> Result<DocumentReader> {
        DocumentReader::open([&self.corpus_path], &ReadOptions::default())
    }

    fn read(
        name: String,
        corpus: &Path,
        queries_path: &Path,
        qrels_folder: &Path,
        split: &str,
    ) -> Result<Self> {
        let (queries, qrels) = judged_queries(queries_path, qrels_folder, split)?;
        Ok(Collection {
            name,
            corpus_path: corpus.to_owned(),
            queries,
            qrels,
        })
    }
}

/// The judged queries of a folder of one task, whether it has a corpus or not.
pub(super) fn judged_in(folder: &Path, split: &str) -> Result<(Vec<Query>, Qrels)> {
    let queries = find(folder, "queries.jsonl").ok_or_else(|| missing(folder, "queries.jsonl"))?;
    judged_queries(&queries, &folder.join("qrels"), split)
}

/// The queries that a split judges, and its judgements: those of a folder, or else labels.
fn judged_queries(
    queries_path: &Path,
    qrels_folder: &Path,
    split: &str,
) -> Result<(Vec<Query>, Qrels)> {
    let qrels = match qrels_folder.is_dir() {
        true => Some(Qrels::read(&find_split(qrels_folder, split)?)?),
        false => None,
    };
    if qrels.is_none() && split != LABELLED_SPLIT {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!(
                "{} does not exist, and labels in {} are the split {LABELLED_SPLIT:?}; there \
                 are no judgements of a split {split:?}",
                qrels_folder.display(),
                queries_path.display()
            ),
        ));
    }
    let (queries, labels) = read_queries(queries_path, qrels.as_ref())?;
    let qrels = qrels.unwrap_or(labels);
    if qrels.is_empty() {
        return Err(Error::invalid(format!(
            "{}: no query has \"labels\", and there is no {}; without judgements nothing \
             can be measured",
            queries_path.display(),
            qrels_folder.display()
        )));
    }
    if queries.len() < qrels.len() {
        let known: HashSet<&str> = queries.iter().map(|query| query.id.as_str()).collect();
        let missing = qrels
            .iter()
            .map(|(id, _)| id)
            .find(|id| !known.contains(id));
        return Err(Error::invalid(format!(
            "{}: {} judged queries are missing, the first is {:?}; fetch the whole collection",
            queries_path.display(),
            qrels.len() - queries.len(),
            missing.unwrap_or_default()
        )));
    }
    Ok((queries, qrels))
}

/// The collection in `folder`, or the tasks that share its corpus.
fn tasks_of(folder: &Path, corpus: &Path, split: &str) -> Result<Vec<Collection>> {
    let read = |name, queries: &Path, home: &Path| {
        Collection::read(name, corpus, queries, &home.join("qrels"), split)
    };
    if let Some(queries) = find(folder, "queries.jsonl") {
        return Ok(vec![read(name_of(folder), &queries, folder)?]);
    }
    let mut tasks = Vec::new();
    for inner in folders_in(folder)? {
        if let Some(queries) = find(&inner, "queries.jsonl") {
            tasks.push(read(name_of(&inner), &queries, &inner)?);
        }
    }
    let together = folder.join("queries");
    for (name, queries) in task_files(&together)? {
        tasks.push(read(name, &queries, &together)?);
    }
    if tasks.is_empty() {
        return Err(missing(folder, "queries.jsonl"));
    }
    tasks.sort_by(|a, b| a.name.cmp(&b.name));
    let twice = tasks.windows(2).find(|pair| match pair {
        [a, b] => a.name == b.name,
        _ => false,
    });
    match twice.and_then(|pair| pair.first()) {
        Some(task) => Err(Error::invalid(format!(
            "{} has the task {:?} twice: rename or remove one of them",
            folder.display(),
            task.name
        ))),
        None => Ok(tasks),
    }
}

/// Files `TASK.jsonl[.gz]` in a folder that need not exist, with the names of the tasks.
fn task_files(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let task = |path: PathBuf| {
        let file = name_of(&path);
        let task = file.strip_suffix(".gz").unwrap_or(&file);
        let task = task.strip_suffix(".jsonl")?.to_owned();
        path.is_file().then_some((task, path))
    };
    Ok(entries_in(folder)?.into_iter().filter_map(task).collect())
}

/// The folders in `folder`, by name; hidden ones left out.
fn folders_in(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Err(missing(folder, "corpus.jsonl"));
    }
    let entries = entries_in(folder)?.into_iter();
    Ok(entries.filter(|path| path.is_dir()).collect())
}

/// What is in `folder`, by name; hidden names left out.
fn entries_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| Error::io("listing", folder, error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if !name_of(&path).starts_with('.') {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn find_corpus(folder: &Path) -> Option<PathBuf> {
    find(folder, "corpus.jsonl").or_else(|| find(folder, "docs.jsonl"))
}

/// The judgements of a split.
fn find_split(folder: &Path, split: &str) -> Result<PathBuf> {
    let name = format!("{split}.tsv");
    find(folder, &name).ok_or_else(|| missing(folder, &name))
}

/// The file `name` in `folder`, or the same with `.gz`.
pub(super) fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let candidates = [folder.join(name), folder.join(format!("{name}.gz"))];
    candidates.into_iter().find(|path| path.is_file())
}

fn missing(folder: &Path, name: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!(
            "{} does not exist, and neither does {name}.gz; a collection has corpus.jsonl, \
             queries.jsonl and qrels/SPLIT.tsv (BEIR), or docs.jsonl and queries.jsonl with \
             labels (MAIR)",
            folder.join(name).display()
        ),
    )
}

/// The last component of a path, whatever it is relative to.
fn name_of(path: &Path) -> String {
    let named = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    named(path)
        .or_else(|| named(&path.canonicalize().ok()?))
        .unwrap_or_else(|| "collection".to_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::fs;

    pub(in crate::eval) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    const CORPUS: (&str, &str) = ("corpus.jsonl", "{\"_id\": \"d\", \"text\": \"x\"}\n");

    fn beir(queries: &str, qrels: &str) -> tempfile::TempDir {
        folder(&[
            CORPUS,
            ("queries.jsonl", queries),
            ("qrels/test.tsv", qrels),
        ])
    }

    fn error(folder: &tempfile::TempDir, split: &str) -> Error {
        Collection::open(folder.path(), split).unwrap_err()
    }

    #[test]
    fn only_judged_queries_in_file_order() {
        let folder = beir(
            "{\"_id\": \"2\", \"text\": \"two\"}\n{\"_id\": \"9\", \"text\": \"\"}\n\
             {\"qid\": 1, \"query\": \"one\", \"instruction\": \"find it\"}\n",
            "query-id\tcorpus-id\tscore\n1\td\t1\n2\td\t0\n",
        );
        let collection = Collection::open(folder.path(), "test").unwrap();
        let queries = collection.queries.iter();
        let ids: Vec<&str> = queries.map(|query| query.id.as_str()).collect();
        assert_eq!(ids, ["2", "1"]);
        let instruction = collection.queries[1].instruction.as_deref();
        assert_eq!(instruction, Some("find it"));
        assert_eq!(collection.documents().unwrap().count(), 1);
        assert_eq!(collection.name, name_of(folder.path()));
    }

    #[test]
    fn labels_are_the_judgements_of_mair() {
        let folder = folder(&[
            ("docs.jsonl", "{\"id\": 7, \"doc\": \"x\"}\n"),
            (
                "queries.jsonl",
                "{\"qid\": \"a\", \"instruction\": \" \", \"query\": \"one\", \
                 \"labels\": [{\"id\": 7, \"score\": 2}, {\"id\": \"8\", \"score\": 0}]}\n\
                 {\"qid\": \"b\", \"query\": \"unjudged\", \"labels\": []}\n",
            ),
        ]);
        let collection = Collection::open(folder.path(), "test").unwrap();
        assert_eq!(collection.queries.len(), 1);
        assert_eq!(collection.queries[0].instruction, None);
        assert_eq!(collection.qrels.get("a").unwrap()["7"], 2.0);
        assert_eq!(collection.qrels.judgement_count(), 2);
        assert_eq!(
            collection.documents().unwrap().next().unwrap().unwrap().id,
            "7"
        );
        assert_eq!(error(&folder, "train").kind(), ErrorKind::NotFound);
    }

    #[test]
    fn tasks_share_a_corpus_and_folders_hold_collections() {
        let labelled =
            "{\"qid\": \"q\", \"query\": \"x\", \"labels\": [{\"id\": \"d\", \"score\": 1}]}\n";
        let folder = folder(&[
            ("shared/docs.jsonl", "{\"id\": \"d\", \"doc\": \"x\"}\n"),
            ("shared/queries/zebra.jsonl", labelled),
            ("shared/queries/README", "no task"),
            ("shared/Ant/queries.jsonl", labelled),
            (
                "shared/Bee/queries.jsonl",
                "{\"_id\": \"q\", \"text\": \"x\"}\n",
            ),
            ("shared/Bee/qrels/test.tsv", "q\td\t1\n"),
            ("beir/corpus.jsonl", CORPUS.1),
            ("beir/queries.jsonl", labelled),
            ("notes/readme.md", "no collection"),
        ]);
        let names = |all: Vec<Collection>| -> Vec<String> {
            all.into_iter().map(|collection| collection.name).collect()
        };
        let all = Collection::open_all(folder.path(), "test").unwrap();
        assert_eq!(names(all), ["beir", "Ant", "Bee", "zebra"]);
        let shared = Collection::open_all(&folder.path().join("shared"), "test").unwrap();
        assert!(
            shared
                .iter()
                .all(|task| task.corpus_path == shared[0].corpus_path)
        );
        assert!(error(&folder, "test").to_string().contains("several"));
        fs::write(folder.path().join("shared/queries/Ant.jsonl"), labelled).unwrap();
        let twice = error(&folder, "test").to_string();
        assert!(twice.contains("the task \"Ant\" twice"), "{twice}");
    }

    #[test]
    fn errors_say_where() {
        let qrels = "1\td\t1\n";
        for (queries, message) in [
            (
                "{\"_id\": \"1\", \"text\": \"x\"}\n{\n",
                "queries.jsonl:2: not valid JSON",
            ),
            (
                "{\"text\": \"x\"}\n",
                "queries.jsonl:1: the query has no \"_id\"",
            ),
            (
                "{\"_id\": \"1\"}\n",
                "queries.jsonl:1: the query has no \"text\"",
            ),
            (
                "\n{\"_id\": \"1\", \"text\": \" \"}\n",
                "queries.jsonl:2: the text of the judged query \"1\" is blank",
            ),
            (
                "{\"_id\": \"2\", \"text\": \"x\"}\n",
                "1 judged queries are missing, the first is \"1\"",
            ),
            (
                "{\"_id\": \"1\", \"text\": \"x\"}\n{\"_id\": \"1\", \"text\": \"y\"}\n",
                "queries.jsonl:2: the query \"1\" comes a second time",
            ),
        ] {
            let error = error(&beir(queries, qrels), "test").to_string();
            assert!(error.contains(message), "{error}");
        }
        let absent = error(&beir("", qrels), "dev");
        assert_eq!(absent.kind(), ErrorKind::NotFound);
        assert!(absent.to_string().contains("dev.tsv"), "{absent}");
        let no_queries = error(&folder(&[CORPUS]), "test");
        assert!(
            no_queries.to_string().contains("queries.jsonl"),
            "{no_queries}"
        );
        let nothing = error(&folder(&[]), "test").to_string();
        assert!(nothing.contains("corpus.jsonl"), "{nothing}");
    }

    #[test]
    fn errors_of_labels_say_where() {
        for (labels, message) in [
            ("7", "\"labels\" must be a list"),
            ("[7]", "a label: not a JSON object"),
            ("[{\"score\": 1}]", "a label has no \"id\""),
            ("[{\"id\": \"d\"}]", "the label of \"d\" has no \"score\""),
            ("[{\"id\": \"d\", \"score\": \"1\"}]", "has no \"score\""),
            (
                "[{\"id\": \"d\", \"score\": 1}, {\"id\": \"d\", \"score\": 2}]",
                "were judged 1 before, and 2 here",
            ),
            ("[]", "no query has \"labels\""),
        ] {
            let query = format!("{{\"qid\": \"q\", \"query\": \"x\", \"labels\": {labels}}}\n");
            let folder = folder(&[CORPUS, ("queries.jsonl", &query)]);
            let error = error(&folder, "test").to_string();
            assert!(
                error.contains("queries.jsonl:") && error.contains(message),
                "{error}"
            );
        }
    }
}
