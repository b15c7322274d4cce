//! What a file is, by its name.

use std::path::Path;

#[cfg(feature = "files")]
use super::table::Separator;
use crate::passages::TextFormat;

/// Extensions of the files that are read as text, lowercase.
pub const TEXT_EXTENSIONS: &[&str] = &[
    "adoc", "markdown", "md", "mdx", "org", "rst", "tex", "text", "txt",
];

/// Extensions of web pages, lowercase.
#[cfg(feature = "files")]
const PAGE_EXTENSIONS: &[&str] = &["htm", "html", "xhtml"];

/// A file that is a document, or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// Prose, plain or marked up.
    Text,
    /// A program: it is called by its name, because its first line is no title.
    Source,
    /// A web page.
    #[cfg(feature = "files")]
    Page,
    /// A document in every row.
    #[cfg(feature = "files")]
    Table(Separator),
}

impl FileKind {
    /// The kind of a file with this name; `None` for one that is not read as a file of its own.
    pub(crate) fn of(path: &Path) -> Option<FileKind> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        let is_in = |list: &[&str]| list.contains(&extension.as_str());
        if is_in(TEXT_EXTENSIONS) {
            return Some(FileKind::Text);
        }
        #[cfg(feature = "files")]
        {
            if is_in(PAGE_EXTENSIONS) {
                return Some(FileKind::Page);
            }
            match extension.as_str() {
                "csv" => return Some(FileKind::Table(Separator::CommaOrSemicolon)),
                "tsv" => return Some(FileKind::Table(Separator::Tab)),
                _ => {}
            }
        }
        // JSON is data; files of it are often lines of documents.
        let is_source = TextFormat::of_extension(&extension) == TextFormat::Source;
        (is_source && extension != "json").then_some(FileKind::Source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_tells() {
        let kind = |name| FileKind::of(Path::new(name));
        for name in ["a.md", "b.TXT", "c/d.rst"] {
            assert_eq!(kind(name), Some(FileKind::Text), "{name}");
        }
        for name in ["main.rs", "lib/A.PY", "Cargo.toml"] {
            assert_eq!(kind(name), Some(FileKind::Source), "{name}");
        }
        for name in ["a", "a.jsonl", "a.json", "a.md.gz", ".md", "a.png"] {
            assert_eq!(kind(name), None, "{name}");
        }
        #[cfg(feature = "files")]
        for (name, expected) in [
            ("a.HTML", FileKind::Page),
            ("a.csv", FileKind::Table(Separator::CommaOrSemicolon)),
            ("a.tsv", FileKind::Table(Separator::Tab)),
        ] {
            assert_eq!(kind(name), Some(expected), "{name}");
        }
    }
}
