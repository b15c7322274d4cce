//! The text of a web page, written as Markdown.
//!
//! Problem: pages come from anybody, nested to any depth, with tags that never end, and most of a file
//! is no text. No tree is built: tags are taken as they come, so time and memory are in proportion to
//! the file.
//!
//! ```text
//!   <h2>Use</h2> <p>Caf&eacute;<br>now</p> <table><tr><td>a<td>b</table>
//!
//!   ## Use ⏎ ⏎ Café ⏎ now ⏎ ⏎ a | b
//! ```
//!
//! Headings stay headings, so that a long page is cut at them; rows of a table are lines; what is not
//! read on the page (scripts, styles, menus, forms' buttons) is left out.
//!
//! I1. Outside preformatted text no two spaces and no three line ends follow each other.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use encoding_rs::{Encoding, UTF_8};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

use super::folder::text_document;
use super::lines::read_bytes;
use crate::docs::document::Document;
use crate::{Error, Result};

/// A web page as a document: its title is that of its head, else its first heading, else the stem of
/// its name. It is read by the encoding that it declares, else as UTF-8.
///
/// # Errors
///
/// Unreadable, longer than [`MAX_LINE_BYTES`], or not in its encoding.
///
/// [`MAX_LINE_BYTES`]: super::MAX_LINE_BYTES
pub(super) fn page_document(
    path: &Path,
    id: String,
    bytes_read: &Arc<AtomicU64>,
) -> Result<Document> {
    let bytes = read_bytes(path, bytes_read)?;
    let encoding = declared_encoding(&bytes).unwrap_or(UTF_8);
    let (html, encoding, is_damaged) = encoding.decode(&bytes);
    if is_damaged {
        return Err(Error::invalid(format!(
            "{}: not valid {}; convert the file to UTF-8, or leave it out",
            path.display(),
            encoding.name()
        )));
    }
    let page = Page::of(&html);
    let document = text_document(id, page.text);
    Ok(match page.title.is_empty() {
        true => document,
        false => document.title(page.title),
    })
}

/// The encoding that a page names in its first kilobyte, if it is one.
fn declared_encoding(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = bytes.get(..1024).unwrap_or(bytes).to_ascii_lowercase();
    let name = b"charset=";
    let at = start.windows(name.len()).position(|one| one == name)? + name.len();
    let label = start.get(at..)?;
    let label = label
        .strip_prefix(b"\"")
        .or(label.strip_prefix(b"'"))
        .unwrap_or(label);
    let is_of_label = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-_:.".contains(byte);
    let length = label.iter().take_while(is_of_label).count();
    Encoding::for_label(label.get(..length)?)
}

/// What a page says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// Of its `<title>`; may be empty.
    pub(super) title: String,
    pub(super) text: String,
}

impl Page {
    /// Reads a page, whatever it is.
    pub(super) fn of(html: &str) -> Page {
        let sink = Extractor(RefCell::default());
        let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
        let input = BufferQueue::default();
        // The tokenizer counts bytes of a piece in 32 bits.
        let mut rest = html;
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES));
            input.push_back(StrTendril::from_slice(piece));
            // Scripts are text here: it never stops for one.
            let _ = tokenizer.feed(&input);
            rest = behind;
        }
        tokenizer.end();
        tokenizer.sink.0.into_inner().finish()
    }
}

/// How much of a page is handed over at a time.
const PIECE_BYTES: usize = 1 << 20;

/// The state behind a shared reference, as the tokenizer has it.
struct Extractor(RefCell<Extraction>);

impl TokenSink for Extractor {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut page = self.0.borrow_mut();
        match token {
            Token::CharacterTokens(text) => page.text(&text),
            Token::TagToken(tag) => {
                page.tag(&tag);
                let raw = raw_kind(&tag.name).filter(|_| tag.kind == TagKind::StartTag);
                return raw.map_or(TokenSinkResult::Continue, TokenSinkResult::RawData);
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// How the inside of an element is read if not as tags and text.
fn raw_kind(name: &str) -> Option<RawKind> {
    match name {
        "title" | "textarea" => Some(RawKind::Rcdata),
        "script" => Some(RawKind::ScriptData),
        "style" | "xmp" | "iframe" | "noembed" | "noframes" => Some(RawKind::Rawtext),
        _ => None,
    }
}

/// Elements that say nothing to a reader of the page, or the same on all pages.
fn is_left_out(name: &str) -> bool {
    matches!(
        name,
        "script"
            | "style"
            | "noscript"
            | "template"
            | "svg"
            | "math"
            | "nav"
            | "iframe"
            | "noembed"
            | "noframes"
            | "object"
            | "audio"
            | "video"
            | "canvas"
            | "button"
            | "select"
            | "datalist"
            | "textarea"
    )
}

/// Whether an element is not shown, or leads elsewhere. One without an end is not looked at.
fn is_hidden(tag: &Tag) -> bool {
    let is_void = matches!(
        &*tag.name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "source"
            | "track"
            | "wbr"
            | "html"
            | "body"
            | "main"
    );
    !is_void
        && tag.attrs.iter().any(|one| match &*one.name.local {
            "hidden" => &*one.value != "until-found",
            "role" => matches!(&*one.value, "navigation" | "search" | "dialog"),
            _ => false,
        })
}

/// What stands between two words.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    Line,
    Paragraph,
}

#[derive(Debug, Default)]
struct Extraction {
    title: String,
    has_title: bool,
    in_title: bool,
    text: String,
    /// What is written before the next word.
    gap: Gap,
    /// What begins the next line: `- ` of an item, `## ` of a heading.
    start: String,
    in_heading: bool,
    is_preformatted: bool,
    /// Cells of the row that are open or done.
    cells: usize,
    /// The element that is left out, and how often it is open.
    left_out: Option<(String, usize)>,
    /// What stands before the main part of the page, once that has begun.
    before_main: Option<String>,
    /// The main part is over.
    is_complete: bool,
}

impl Extraction {
    fn tag(&mut self, tag: &Tag) {
        let name = &*tag.name;
        let is_start = tag.kind == TagKind::StartTag;
        if let Some((outer, depth)) = &mut self.left_out {
            if name == outer && !tag.self_closing {
                match is_start {
                    true => *depth += 1,
                    false => *depth -= 1,
                }
                if *depth == 0 {
                    self.left_out = None;
                }
            }
            return;
        }
        match name {
            _ if is_start && !tag.self_closing && (is_left_out(name) || is_hidden(tag)) => {
                self.left_out = Some((name.to_owned(), 1));
            }
            "main" => self.main_part(is_start),
            "title" => {
                self.in_title = is_start && !self.has_title;
                self.has_title = true;
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.heading(name, is_start),
            "tr" | "table" => {
                self.cells = 0;
                self.leave(if name == "tr" {
                    Gap::Line
                } else {
                    Gap::Paragraph
                });
            }
            "p" | "blockquote" | "ul" | "ol" | "dl" | "hr" | "figure" | "article" | "section"
            | "header" | "footer" | "aside" | "details" | "fieldset" | "form" | "body" => {
                self.leave(Gap::Paragraph)
            }
            "div" | "dt" | "dd" | "address" | "caption" | "figcaption" | "summary" | "legend"
            | "thead" | "tbody" | "tfoot" | "option" => self.leave(Gap::Line),
            "li" => {
                self.start.clear();
                self.leave(Gap::Line);
                if is_start {
                    self.start.push_str("- ");
                }
            }
            "td" | "th" => self.cell(is_start),
            "br" => match self.in_heading || self.cells > 0 {
                true => self.leave(Gap::Space),
                false => self.leave(Gap::Line),
            },
            "pre" => self.preformatted(is_start),
            "img" if is_start => {
                let alt = tag.attrs.iter().find(|one| &*one.name.local == "alt");
                if let Some(alt) = alt {
                    self.text(&alt.value);
                }
            }
            _ => {}
        }
    }

    /// A page that says which part is its own is that part, unless it is empty.
    fn main_part(&mut self, is_start: bool) {
        self.leave(Gap::Paragraph);
        match (&mut self.before_main, is_start) {
            (None, true) => self.before_main = Some(std::mem::take(&mut self.text)),
            (Some(_), false) if !self.text.is_empty() => self.is_complete = true,
            (Some(before), false) => self.text = std::mem::take(before),
            _ => {}
        }
    }

    fn heading(&mut self, name: &str, is_start: bool) {
        self.in_heading = false;
        self.leave(Gap::Paragraph);
        self.in_heading = is_start;
        self.start = match name.strip_prefix('h').and_then(|level| level.parse().ok()) {
            Some(level) if is_start => "#".repeat(level) + " ",
            _ => String::new(),
        };
    }

    fn cell(&mut self, is_start: bool) {
        if !is_start {
            return;
        }
        if self.cells > 0 {
            self.leave(Gap::Space);
            self.word("|");
            self.leave(Gap::Space);
        }
        self.cells += 1;
    }

    fn preformatted(&mut self, is_start: bool) {
        if is_start == self.is_preformatted {
            return;
        }
        if is_start {
            self.leave(Gap::Paragraph);
            self.word("```");
            self.text.push('\n');
        } else {
            if !self.text.ends_with('\n') {
                self.text.push('\n');
            }
            self.text.push_str("```");
            self.leave(Gap::Paragraph);
        }
        self.is_preformatted = is_start;
    }

    /// Goes on in another line or paragraph, if anything follows. Blocks in a cell do not end its row,
    /// and a paragraph in an item begins beside its mark.
    fn leave(&mut self, gap: Gap) {
        let most = match (self.cells > 0 || self.in_heading, self.start.is_empty()) {
            (true, _) => Gap::Space,
            (false, true) => Gap::Paragraph,
            (false, false) => Gap::None,
        };
        self.gap = self.gap.max(gap.min(most));
    }

    fn text(&mut self, text: &str) {
        if self.left_out.is_some() || self.is_complete {
            return;
        }
        if self.in_title {
            self.title.push_str(text);
            return;
        }
        if self.is_preformatted {
            let is_first = self.text.ends_with("```\n");
            let text = text.strip_prefix('\n').filter(|_| is_first).unwrap_or(text);
            self.text.push_str(text);
            return;
        }
        let mut rest = text;
        while !rest.is_empty() {
            let inner = rest.trim_start_matches(is_space);
            if inner.len() < rest.len() {
                self.gap = self.gap.max(Gap::Space);
            }
            let end = inner.find(is_space).unwrap_or(inner.len());
            let (word, behind) = inner.split_at(end);
            if !word.is_empty() {
                self.word(word);
            }
            rest = behind;
        }
    }

    fn word(&mut self, word: &str) {
        if !self.text.is_empty() {
            self.text.push_str(match self.gap {
                Gap::None => "",
                Gap::Space if self.text.ends_with(['\n', ' ']) => "",
                Gap::Space => " ",
                Gap::Line => "\n",
                Gap::Paragraph => "\n\n",
            });
        }
        self.gap = Gap::None;
        self.text.push_str(&std::mem::take(&mut self.start));
        self.text.push_str(word);
    }

    fn finish(mut self) -> Page {
        self.preformatted(false);
        if self.text.is_empty() {
            self.text = self.before_main.take().unwrap_or_default();
        }
        let words: Vec<&str> = self.title.split(is_space).collect();
        let words = words.into_iter().filter(|word| !word.is_empty());
        Page {
            title: words.collect::<Vec<_>>().join(" "),
            text: self.text.trim_end().to_owned(),
        }
    }
}

/// White space of HTML, and spaces that do not break.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{c}' | '\u{a0}')
}

#[cfg(test)]
mod tests;
