//! How commands read documents: the options they share, and what is said about bad input.

use std::collections::HashMap;
use std::path::PathBuf;

use zerogr::Document;
use zerogr::raw::docs::{DocumentReader, OnDuplicate, PassedOver, ReadOptions};

use crate::console::failure::Failure;
use crate::console::output;

/// Options of a command that reads documents.
#[derive(Clone, Default, clap::Args)]
pub struct ReadArgs {
    /// Leave out documents that cannot be taken, and say which and how many.
    #[arg(long)]
    skip_bad_lines: bool,
    /// What to do when an id comes more than once in the input.
    #[arg(long, value_enum, default_value_t = Duplicate::Error, value_name = "RULE")]
    on_duplicate: Duplicate,
    /// The object of a line of JSON whose members are fields, to filter, count and sort by; without
    /// it `metadata`. Members of objects in it have the names of both with a dot between.
    #[arg(long, value_name = "NAME")]
    fields: Option<String>,
    /// Only keep a value that has no type, or not the type that its field has in the index: no filter
    /// finds it. Without it such a document is an error.
    #[arg(long)]
    pub fields_lenient: bool,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Duplicate {
    #[default]
    /// Stop, and name them.
    Error,
    /// Keep the first document of an id.
    First,
    /// Keep the last document of an id.
    Last,
}

impl ReadArgs {
    /// Opens files and folders.
    pub fn open(&self, inputs: &[PathBuf]) -> Result<DocumentReader, Failure> {
        let options = ReadOptions {
            skip_bad_lines: self.skip_bad_lines,
            on_duplicate: match self.on_duplicate {
                Duplicate::Error => OnDuplicate::Error,
                Duplicate::First => OnDuplicate::First,
                Duplicate::Last => OnDuplicate::Last,
            },
            fields: self.fields.clone(),
            fields_lenient: self.fields_lenient,
        };
        Ok(DocumentReader::open(inputs, &options)?)
    }
}

/// All documents that are still to be read, each id once.
pub fn all(reader: &mut DocumentReader) -> Result<Vec<Document>, Failure> {
    let mut documents: Vec<Document> = Vec::new();
    let mut position_of: HashMap<String, usize> = HashMap::new();
    for document in reader {
        let document = document?;
        let position = position_of.get(&document.id);
        match position.and_then(|&position| documents.get_mut(position)) {
            Some(earlier) => *earlier = document,
            None => {
                position_of.insert(document.id.clone(), documents.len());
                documents.push(document);
            }
        }
    }
    Ok(documents)
}

/// Kinds of files that are named when they are not read.
const MOST_KINDS: usize = 8;

/// Says what had to be left out.
pub fn say_what_was_left_out(reader: &DocumentReader) {
    let skipped = reader.skipped();
    for report in &skipped.reports {
        let report = output::inline(&report.to_string());
        output::notice(format!("left out: {report}"));
    }
    let unnamed = skipped.count.saturating_sub(skipped.reports.len() as u64);
    if unnamed > 0 {
        output::notice(format!("left out: {unnamed} more"));
    }
    say_what_was_passed_over(&skipped.passed_over);
}

/// Says what of a folder is never read.
pub fn say_what_was_passed_over(passed_over: &PassedOver) {
    if passed_over.ignored > 0 {
        let count = passed_over.ignored;
        output::notice(format!("ignored by .gitignore: {count} files and folders"));
    }
    if !passed_over.other_kinds.is_empty() {
        let mut kinds: Vec<(&String, &u64)> = passed_over.other_kinds.iter().collect();
        kinds.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let count: u64 = kinds.iter().map(|(_, count)| *count).sum();
        let named = kinds.iter().take(MOST_KINDS);
        let mut list: Vec<String> = named
            .map(|(end, count)| format!("{} {count}", output::inline(end)))
            .collect();
        if kinds.len() > MOST_KINDS {
            list.push("…".to_owned());
        }
        let list = list.join(", ");
        output::notice(format!("of other kinds, not read: {count} files ({list})"));
    }
}
