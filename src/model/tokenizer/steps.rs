//! The steps of a tokenizer before and behind its model: normaliser, pre-tokenizer, post-processor
//! and decoder.
//!
//! Each is a part, or a tree of parts; together they make a text longer only within a limit.

use serde_json::Value;

use super::charsmap;
use super::part::{MAX_IDS, MAX_TEXT_BYTES, Part};
use crate::Result;

/// The most parts of a normaliser, pre-tokenizer, post-processor or decoder, and how deep they nest.
const MAX_PARTS: usize = 24;
const MAX_DEPTH: usize = 4;

/// The most pieces of a template, and tokens that one stands for.
const MAX_PIECES: usize = 64;

/// How many times longer all normalisers together may make a text.
const MAX_GROWTH: usize = 16;

/// What has been seen of a tree of parts.
pub(super) struct Walk {
    parts: usize,
    /// How many times longer a text may become.
    growth: usize,
}

impl Walk {
    pub(super) fn new() -> Self {
        Walk {
            parts: 0,
            growth: 1,
        }
    }

    /// Checks the part `name` of `of` by `check`, if it is there.
    pub(super) fn parts(
        &mut self,
        of: &Part<'_>,
        name: &'static str,
        depth: usize,
        check: fn(&Part<'_>, &mut Walk, usize) -> Result<()>,
    ) -> Result<()> {
        match of.fields.get(name) {
            None | Some(Value::Null) => Ok(()),
            Some(value) => self.one(&Part::of(name, value)?, depth, check),
        }
    }

    fn one(
        &mut self,
        part: &Part<'_>,
        depth: usize,
        check: fn(&Part<'_>, &mut Walk, usize) -> Result<()>,
    ) -> Result<()> {
        self.parts += 1;
        if self.parts > MAX_PARTS || depth > MAX_DEPTH {
            return part.wrong(&format!(
                "it has more than {MAX_PARTS} parts, or parts more than {MAX_DEPTH} deep"
            ));
        }
        check(part, self, depth)
    }

    /// A sequence of parts in the list `name`.
    fn sequence(
        &mut self,
        part: &Part<'_>,
        name: &str,
        depth: usize,
        check: fn(&Part<'_>, &mut Walk, usize) -> Result<()>,
    ) -> Result<()> {
        part.only(&["type", name])?;
        for value in part.list(name)? {
            self.one(&Part::of(part.path, value)?, depth + 1, check)?;
        }
        Ok(())
    }

    /// Notes that a part may make a text `times` as long.
    fn grow(&mut self, part: &Part<'_>, times: usize) -> Result<()> {
        self.growth = self.growth.saturating_mul(times.max(1));
        match self.growth > MAX_GROWTH {
            true => part.wrong(&format!(
                "it makes a text more than {MAX_GROWTH} times as long"
            )),
            false => Ok(()),
        }
    }

    fn replace(&mut self, part: &Part<'_>) -> Result<()> {
        part.only(&["type", "pattern", "content"])?;
        let shortest = part.pattern()?;
        let chars = part.text("content")?.chars().count();
        self.grow(
            part,
            match shortest {
                // May match between any two characters.
                0 => chars + 1,
                shortest => chars.div_ceil(shortest),
            },
        )
    }
}

fn one_character(part: &Part<'_>, name: &str) -> Result<()> {
    match part.text(name)?.chars().count() {
        1 => Ok(()),
        _ => part.wrong(&format!("{name} is not one character")),
    }
}

const BYTE_LEVEL: [&str; 4] = ["type", "add_prefix_space", "trim_offsets", "use_regex"];
const METASPACE: [&str; 6] = [
    "type",
    "replacement",
    "add_prefix_space",
    "prepend_scheme",
    "split",
    "str_rep",
];

pub(super) fn normalizer(part: &Part<'_>, walk: &mut Walk, depth: usize) -> Result<()> {
    match part.kind()? {
        "Sequence" => walk.sequence(part, "normalizers", depth, normalizer),
        "BertNormalizer" => part.only(&[
            "type",
            "clean_text",
            "handle_chinese_chars",
            "strip_accents",
            "lowercase",
        ]),
        "Strip" => part.only(&["type", "strip_left", "strip_right"]),
        "StripAccents" | "NFC" | "NFD" | "NFKC" | "NFKD" | "Lowercase" | "Nmt" => {
            part.only(&["type"])
        }
        "Precompiled" => {
            part.only(&["type", "precompiled_charsmap"])?;
            let Some(Value::String(map)) = part.fields.get("precompiled_charsmap") else {
                return part.wrong("precompiled_charsmap is no text");
            };
            match charsmap::check(map) {
                Ok(longest_chars) => walk.grow(part, longest_chars.div_ceil(LONGEST_MAPPED)),
                Err(what) => part.wrong(&format!("precompiled_charsmap {what}")),
            }
        }
        "Replace" => walk.replace(part),
        "Prepend" => {
            part.only(&["type", "prepend"])?;
            part.text("prepend").map(drop)
        }
        "ByteLevel" => {
            part.only(&BYTE_LEVEL)?;
            walk.grow(part, 2)
        }
        other => part.wrong(&format!("the type {other:?} is not supported")),
    }
}

/// Characters that one is mapped to at most in the published maps (U+FDFA becomes 18); longer ones
/// count as growth.
const LONGEST_MAPPED: usize = 18;

pub(super) fn pre_tokenizer(part: &Part<'_>, walk: &mut Walk, depth: usize) -> Result<()> {
    match part.kind()? {
        "Sequence" => walk.sequence(part, "pretokenizers", depth, pre_tokenizer),
        "BertPreTokenizer" | "Whitespace" | "WhitespaceSplit" | "UnicodeScripts" => {
            part.only(&["type"])
        }
        "ByteLevel" => {
            part.only(&BYTE_LEVEL)?;
            walk.grow(part, 2)
        }
        "CharDelimiterSplit" => {
            part.only(&["type", "delimiter"])?;
            one_character(part, "delimiter")
        }
        "Metaspace" => {
            part.only(&METASPACE)?;
            one_character(part, "replacement")
        }
        "Split" => {
            part.only(&["type", "pattern", "behavior", "invert"])?;
            part.pattern().map(drop)
        }
        "Punctuation" => part.only(&["type", "behavior"]),
        "Digits" => part.only(&["type", "individual_digits"]),
        "FixedLength" => {
            part.only(&["type", "length"])?;
            match part.count("length", MAX_IDS)? {
                0 => part.wrong("its length is 0"),
                _ => Ok(()),
            }
        }
        other => part.wrong(&format!("the type {other:?} is not supported")),
    }
}

pub(super) fn decoder(part: &Part<'_>, walk: &mut Walk, depth: usize) -> Result<()> {
    match part.kind()? {
        "Sequence" => walk.sequence(part, "decoders", depth, decoder),
        "BPEDecoder" => part.only(&["type", "suffix"]),
        "ByteLevel" => part.only(&BYTE_LEVEL),
        "WordPiece" => part.only(&["type", "prefix", "cleanup"]),
        "Metaspace" => {
            part.only(&METASPACE)?;
            one_character(part, "replacement")
        }
        "CTC" => part.only(&["type", "pad_token", "word_delimiter_token", "cleanup"]),
        "Replace" => walk.replace(part),
        "Fuse" | "ByteFallback" => part.only(&["type"]),
        "Strip" => {
            part.only(&["type", "content", "start", "stop"])?;
            one_character(part, "content")?;
            part.count("start", MAX_TEXT_BYTES as u64)?;
            // More than a token has would be taken off a token of nothing else.
            part.count("stop", 0).map(drop)
        }
        other => part.wrong(&format!("the type {other:?} is not supported")),
    }
}

pub(super) fn post_processor(part: &Part<'_>, walk: &mut Walk, depth: usize) -> Result<()> {
    let is_special = |name: &str| match part.fields.get(name).and_then(Value::as_array) {
        Some(pair) => matches!(
            pair.as_slice(),
            [Value::String(_), id] if id.as_u64().is_some_and(|id| id < MAX_IDS)
        ),
        None => false,
    };
    match part.kind()? {
        "Sequence" => walk.sequence(part, "processors", depth, post_processor),
        "ByteLevel" => part.only(&BYTE_LEVEL),
        "BertProcessing" | "RobertaProcessing" => {
            part.only(&["type", "sep", "cls", "trim_offsets", "add_prefix_space"])?;
            match is_special("sep") && is_special("cls") {
                true => Ok(()),
                false => part.wrong("sep or cls is no token with its id"),
            }
        }
        "TemplateProcessing" => template(part),
        other => part.wrong(&format!("the type {other:?} is not supported")),
    }
}

/// A template around one text, of tokens that it says the ids of.
fn template(part: &Part<'_>) -> Result<()> {
    part.only(&["type", "single", "pair", "special_tokens"])?;
    let special = part.part("special_tokens")?;
    if special.fields.len() > MAX_PIECES {
        return part.wrong(&format!("it has more than {MAX_PIECES} special tokens"));
    }
    for value in special.fields.values() {
        let token = Part::of("a special token", value)?;
        token.only(&["id", "ids", "tokens"])?;
        let (ids, tokens) = (token.list("ids")?, token.list("tokens")?);
        let are_ids = ids
            .iter()
            .all(|id| id.as_u64().is_some_and(|id| id < MAX_IDS));
        if !are_ids || ids.len() != tokens.len() || ids.len() > MAX_PIECES {
            return token.wrong("its ids are not those of its tokens");
        }
    }
    for (name, most_texts) in [("single", 1), ("pair", 2)] {
        let pieces = part.list(name)?;
        let mut texts = 0;
        for piece in pieces {
            let piece = Part::of(name, piece)?;
            piece.only(&["Sequence", "SpecialToken"])?;
            let is_text = piece.fields.contains_key("Sequence");
            let inner = piece.part(if is_text { "Sequence" } else { "SpecialToken" })?;
            inner.only(&["id", "type_id"])?;
            match inner.text("id")? {
                "A" if is_text => texts += 1,
                "B" if is_text && most_texts == 2 => texts += 1,
                id if !is_text && special.fields.contains_key(id) => {}
                _ => return piece.wrong("it has a piece that there is not"),
            }
        }
        if pieces.len() > MAX_PIECES || texts > most_texts {
            return part.wrong(&format!("{name} has too many pieces"));
        }
    }
    Ok(())
}
