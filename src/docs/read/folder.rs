//! What a folder holds, and text files as documents.

use std::collections::BTreeMap;
use std::fs::FileType;
use std::path::{Path, PathBuf};

use super::file_kind::{FileKind, TEXT_EXTENSIONS};
use super::ignored::IgnoreRules;
use crate::docs::document::Document;
use crate::{Error, Result};

/// The longest first line that is taken for a title, in characters.
const MAX_TITLE_CHARS: usize = 120;

/// How deep folders may lie in one another.
const MAX_DEPTH: usize = 64;

/// Something in a folder that is named like a file that is read, or leads to more.
pub(super) enum Found {
    /// A regular file inside the folder.
    File {
        kind: FileKind,
        path: PathBuf,
        /// Its path from the folder on.
        below: PathBuf,
    },
    /// It cannot be read: a link that leads out of the folder or nowhere, a pipe, a device, or a folder
    /// that may not be listed.
    Bad {
        /// Its path from the folder on.
        below: PathBuf,
        error: Error,
    },
    /// A link to a folder: files are found once, by their own path.
    LeftOut(Error),
}

/// What is not read of a folder, by rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassedOver {
    /// Files of kinds that are not read, by the ends of their names.
    pub other_kinds: BTreeMap<String, u64>,
    /// Files and folders that a `.gitignore` names.
    pub ignored: u64,
}

/// What is below `folder`, in the order of the ids to be. Names that begin with a dot are passed
/// over without a word; `passed_over` counts what else is not read.
pub(super) fn list_folder(folder: &Path, passed_over: &mut PassedOver) -> Result<Vec<Found>> {
    let real =
        std::fs::canonicalize(folder).map_err(|error| Error::io("listing", folder, error))?;
    let mut all: Vec<(String, Found)> = Vec::new();
    let rules = IgnoreRules::default();
    let mut open = vec![(PathBuf::new(), folder.to_owned(), rules, 0_usize)];
    while let Some((below, folder, rules, depth)) = open.pop() {
        let rules = rules.inside(&folder);
        if depth > MAX_DEPTH {
            return Err(Error::limit(format!(
                "{}: folders lie more than {MAX_DEPTH} deep; add the inner folder by itself",
                folder.display()
            )));
        }
        let listing = |error| Error::io("listing", &folder, error);
        let entries = match std::fs::read_dir(&folder).map_err(listing) {
            Ok(entries) => entries,
            Err(error) if depth == 0 => return Err(error),
            Err(error) => {
                all.push((slashed(&below), Found::Bad { below, error }));
                continue;
            }
        };
        for entry in entries {
            let entry = entry.map_err(listing)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(listing)?);
            let below = below.join(entry.file_name());
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if kind.is_dir() {
                match rules.ignore(&path, true) {
                    true => passed_over.ignored += 1,
                    false => open.push((below, path, rules.clone(), depth + 1)),
                }
                continue;
            }
            if rules.ignore(&path, false) {
                passed_over.ignored += 1;
                continue;
            }
            match examine(path, kind, &real, &below) {
                Some(found) => all.push((slashed(&below), found)),
                None => *passed_over.other_kinds.entry(end_of(&below)).or_insert(0) += 1,
            }
        }
    }
    if all.is_empty() {
        return Err(Error::invalid(format!(
            "{}: the folder has no files that are read; those are texts ({}), programs, web pages and \
             tables, by the ends of their names",
            folder.display(),
            TEXT_EXTENSIONS.join(", ")
        )));
    }
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(all.into_iter().map(|(_, found)| found).collect())
}

/// A path as it sorts in the ids.
fn slashed(below: &Path) -> String {
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// The end of a name, from its last point on; the whole name without one.
fn end_of(path: &Path) -> String {
    match path.extension() {
        Some(extension) => format!(".{}", extension.to_string_lossy().to_lowercase()),
        None => path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
    }
}

/// What an entry that is no folder is good for; `root` is the folder that was named, without
/// links.
fn examine(path: PathBuf, kind: FileType, root: &Path, below: &Path) -> Option<Found> {
    let because = |path: &Path, why: &str| Error::invalid(format!("{}: {why}", path.display()));
    if kind.is_symlink() && path.is_dir() {
        let why = "a link to a folder is not followed; name that folder too if it is wanted";
        return Some(Found::LeftOut(because(&path, why)));
    }
    let file_kind = FileKind::of(&path)?;
    if kind.is_symlink() {
        let why = match std::fs::canonicalize(&path) {
            Ok(real) if real.starts_with(root) => None,
            Ok(_) => Some("the link leads out of the folder; name the file itself, or remove it"),
            Err(_) => Some("the link leads nowhere; remove it"),
        };
        if let Some(why) = why {
            let (below, error) = (below.to_owned(), because(&path, why));
            return Some(Found::Bad { below, error });
        }
    }
    if !path.is_file() {
        let why = "it is no regular file; remove it, or leave it out";
        let (below, error) = (below.to_owned(), because(&path, why));
        return Some(Found::Bad { below, error });
    }
    let below = below.to_owned();
    Some(Found::File {
        kind: file_kind,
        path,
        below,
    })
}

/// A text file as a document: its title is the `title:` of its front matter, else its first
/// Markdown heading, else its first line if short, else the stem of its name.
pub(crate) fn text_document(id: String, text: String) -> Document {
    let title = find_title(&text).unwrap_or_else(|| {
        let name = id.rsplit('/').next().unwrap_or(&id);
        name.rsplit_once('.')
            .map_or(name, |(stem, _)| stem)
            .to_owned()
    });
    Document {
        id,
        title,
        text,
        ..Document::default()
    }
}

fn find_title(text: &str) -> Option<String> {
    let mut body = text;
    if let Some(inner) = text
        .strip_prefix("---\n")
        .or_else(|| text.strip_prefix("---\r\n"))
        && let Some((matter, rest)) = inner.split_once("\n---")
    {
        let named = matter.lines().find_map(|line| line.strip_prefix("title:"));
        let named = named.map(|title| title.trim().trim_matches(['"', '\'']));
        if let Some(title) = named.filter(|title| !title.is_empty()) {
            return Some(title.to_owned());
        }
        body = rest.split_once('\n').map_or("", |(_, body)| body);
    }
    let mut fenced = false;
    let heading = body.lines().find_map(|line| {
        fenced ^= line.starts_with("```") || line.starts_with("~~~");
        let inner = line.trim_start_matches('#');
        let level = line.len() - inner.len();
        let heading = (1..=6).contains(&level) && inner.starts_with(' ') && !fenced;
        let title = inner.trim().trim_end_matches('#').trim_end();
        (heading && !title.is_empty()).then_some(title)
    });
    let first_line = || {
        let line = body.lines().map(str::trim).find(|line| !line.is_empty())?;
        let usable =
            line.chars().count() <= MAX_TITLE_CHARS && line.contains(char::is_alphanumeric);
        usable.then_some(line)
    };
    heading.or_else(first_line).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title(text: &str) -> String {
        text_document("notes/my-file.v2.md".to_owned(), text.to_owned()).title
    }

    #[test]
    fn titles() {
        assert_eq!(title("# Wing flutter #\n\ntext"), "Wing flutter");
        assert_eq!(title("intro\n\n## Second\n# First"), "Second");
        assert_eq!(
            title("```\n# comment\n```\nfirst line is a fence"),
            "my-file.v2"
        );
        assert_eq!(
            title("#hashtag is no heading\nmore"),
            "#hashtag is no heading"
        );
        assert_eq!(
            title("---\ntitle: \"From matter\"\n---\n# Heading"),
            "From matter"
        );
        assert_eq!(title("---\ndate: 2024\n---\n\nPlain line\n"), "Plain line");
        assert_eq!(title("\u{9}\n\n  Plain line  \r\nmore"), "Plain line");
        assert_eq!(title(""), "my-file.v2");
        assert_eq!(title(&"long ".repeat(50)), "my-file.v2");
    }
}
