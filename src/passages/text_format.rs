//! What kind of writing a text is.

/// How the text of a document is read when it is cut into passages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TextFormat {
    /// Paragraphs and lines.
    #[default]
    Plain,
    /// CommonMark: headings, lists, fences.
    Markdown,
    /// A programming language: blocks of lines.
    Source,
}

/// The text of a web page is written as Markdown when it is read.
const MARKDOWN: &[&str] = &[
    "htm", "html", "markdown", "md", "mdown", "mdx", "mkd", "qmd", "rmd", "xhtml",
];

const SOURCE: &[&str] = &[
    "bash", "c", "cc", "clj", "cpp", "cs", "css", "cu", "cxx", "dart", "el", "erl", "ex", "exs",
    "f90", "fs", "go", "groovy", "h", "hh", "hpp", "hs", "java", "jl", "js", "json", "jsx", "kt",
    "kts", "lisp", "lua", "m", "mjs", "ml", "mm", "nim", "php", "pl", "pm", "proto", "ps1", "py",
    "pyi", "r", "rb", "rs", "scala", "scm", "scss", "sh", "sol", "sql", "swift", "tf", "toml",
    "ts", "tsx", "v", "vb", "vue", "yaml", "yml", "zig",
];

impl TextFormat {
    /// The format that the end of an id or a path tells; plain where it tells none.
    pub fn of_id(id: &str) -> TextFormat {
        let name = id.rsplit(['/', '\\']).next().unwrap_or(id);
        let Some((_, extension)) = name.rsplit_once('.') else {
            return TextFormat::Plain;
        };
        TextFormat::of_extension(extension)
    }

    /// The format of a file whose name ends so, in letters of any case.
    pub(crate) fn of_extension(extension: &str) -> TextFormat {
        let is_in = |list: &[&str]| list.iter().any(|one| extension.eq_ignore_ascii_case(one));
        if is_in(MARKDOWN) {
            TextFormat::Markdown
        } else if is_in(SOURCE) {
            TextFormat::Source
        } else {
            TextFormat::Plain
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_tells() {
        for (id, format) in [
            ("notes/README.md", TextFormat::Markdown),
            ("A.MARKDOWN", TextFormat::Markdown),
            ("page.mdx", TextFormat::Markdown),
            ("src/lib.rs", TextFormat::Source),
            ("C:\\work\\main.CPP", TextFormat::Source),
            ("story.txt", TextFormat::Plain),
            ("README", TextFormat::Plain),
            ("folder.md/name", TextFormat::Plain),
            ("rs", TextFormat::Plain),
            ("doc-17", TextFormat::Plain),
            ("", TextFormat::Plain),
        ] {
            assert_eq!(TextFormat::of_id(id), format, "{id}");
        }
    }
}
