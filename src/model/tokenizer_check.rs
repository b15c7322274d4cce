//! The door for a `tokenizer.json`: what is in it is understood and bounded before anything is made
//! of it.
//!
//! The file may come from a stranger, inside an index too. The crate that runs it trusts it: counts
//! are allocated as they are written, offsets are followed, patterns are run whatever they cost.
//! So here every part has to be of a known type with known fields; ids, lengths, nesting and growth
//! have limits ([`patterns`](super::patterns), [`charsmap`](super::charsmap)).
//!
//! ```text
//!   bytes ──► JSON, at most 64 MiB ──► this check ──► the tokenizer is made of the checked JSON
//! ```
//!
//! - I1. What was checked is what is loaded: a key that is written twice counts once, in both.
//! - I2. A text of n characters is never made longer than [`MAX_GROWTH`] n and a constant.

use serde_json::{Map, Value};

use super::{charsmap, patterns};
use crate::{Error, ErrorKind, Result};

/// The most bytes of a `tokenizer.json`: twice those of the largest in use, of 256,000 words.
const MAX_JSON_BYTES: usize = 64 << 20;

/// Token ids are below this: sixteen times the largest vocabulary in use.
const MAX_IDS: u64 = 1 << 22;

/// The most bytes of a token of a Unigram model, whose time grows with them.
const MAX_UNIGRAM_TOKEN_BYTES: usize = 512;

/// Scores of a Unigram model are this small, so that their sums stay numbers.
const MAX_SCORE: f64 = 1e9;

/// The most added tokens.
const MAX_ADDED_TOKENS: usize = 1 << 16;

/// The most bytes of an added token, and of any other short text.
const MAX_TEXT_BYTES: usize = 1_024;

/// The most characters of a word that WordPiece takes apart, in time of their third power.
const MAX_WORD_CHARS: u64 = 200;

/// The most parts of a normaliser, pre-tokenizer, post-processor or decoder, and how deep they nest.
const MAX_PARTS: usize = 24;
const MAX_DEPTH: usize = 4;

/// The most pieces of a template, and tokens that one stands for.
const MAX_PIECES: usize = 64;

/// How many times longer all normalisers together may make a text.
const MAX_GROWTH: usize = 16;

/// The JSON of a tokenizer, understood and bounded; without padding and truncation, which the
/// callers take care of.
///
/// # Errors
///
/// [`ErrorKind::Model`] naming the part that is unknown or beyond its limit.
pub(super) fn checked(bytes: &[u8]) -> Result<Value> {
    if bytes.len() > MAX_JSON_BYTES {
        let len = bytes.len();
        return refused(format!("it has {len} bytes, the limit is {MAX_JSON_BYTES}"));
    }
    let mut json: Value = serde_json::from_slice(bytes).map_err(|error| {
        let message = format!("not a usable tokenizer.json ({error}); use the file of the model");
        Error::with_source(ErrorKind::Model, message, error)
    })?;
    let Value::Object(whole) = &mut json else {
        return refused("it is no JSON object".into());
    };
    whole.remove("padding");
    whole.remove("truncation");
    if let Some(Value::Object(model)) = whole.get_mut("model") {
        name_type(model);
    }
    let part = Part {
        path: "tokenizer",
        fields: whole,
    };
    part.only(&[
        "version",
        "added_tokens",
        "normalizer",
        "pre_tokenizer",
        "post_processor",
        "decoder",
        "model",
    ])?;
    check_model(&part.part("model")?)?;
    check_added_tokens(&part)?;
    let mut of_text = Walk::new();
    of_text.parts(&part, "normalizer", 0, normalizer)?;
    of_text.parts(&part, "pre_tokenizer", 0, pre_tokenizer)?;
    Walk::new().parts(&part, "post_processor", 0, post_processor)?;
    Walk::new().parts(&part, "decoder", 0, decoder)?;
    Ok(json)
}

/// Files of before models had a type are told apart by their fields.
fn name_type(model: &mut Map<String, Value>) {
    if model.contains_key("type") {
        return;
    }
    let name = match () {
        () if model.contains_key("merges") => "BPE",
        () if model.contains_key("max_input_chars_per_word") => "WordPiece",
        () if model.get("vocab").is_some_and(Value::is_array) => "Unigram",
        () => "WordLevel",
    };
    model.insert("type".into(), name.into());
}

fn refused<T>(what: String) -> Result<T> {
    let message = format!("not a usable tokenizer.json: {what}; use the file of the model");
    Err(Error::new(ErrorKind::Model, message))
}

/// An object of the file, with what it is for errors.
struct Part<'v> {
    path: &'v str,
    fields: &'v Map<String, Value>,
}

impl<'v> Part<'v> {
    fn of(path: &'v str, value: &'v Value) -> Result<Part<'v>> {
        match value {
            Value::Object(fields) => Ok(Part { path, fields }),
            _ => refused(format!("{path} is no object")),
        }
    }

    fn part(&self, name: &'static str) -> Result<Part<'v>> {
        match self.fields.get(name) {
            Some(value) => Part::of(name, value),
            None => refused(format!("{} has no {name}", self.path)),
        }
    }

    fn wrong<T>(&self, what: &str) -> Result<T> {
        refused(format!("{}: {what}", self.path))
    }

    /// Refuses fields other than `names`.
    fn only(&self, names: &[&str]) -> Result<()> {
        match self
            .fields
            .keys()
            .find(|key| !names.contains(&key.as_str()))
        {
            Some(key) => {
                let key: String = key.chars().take(40).collect();
                self.wrong(&format!("the setting {key:?} is not known here"))
            }
            None => Ok(()),
        }
    }

    fn kind(&self) -> Result<&'v str> {
        self.text("type")
    }

    /// A text that has to be there.
    fn text(&self, name: &str) -> Result<&'v str> {
        match self.fields.get(name) {
            Some(Value::String(text)) if text.len() <= MAX_TEXT_BYTES => Ok(text),
            _ => self.wrong(&format!(
                "{name} is no text of {MAX_TEXT_BYTES} bytes or fewer"
            )),
        }
    }

    /// A text that may be missing.
    fn optional_text(&self, name: &str) -> Result<Option<&'v str>> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.text(name).map(Some),
        }
    }

    fn count(&self, name: &str, most: u64) -> Result<u64> {
        match self.fields.get(name).and_then(Value::as_u64) {
            Some(count) if count <= most => Ok(count),
            _ => self.wrong(&format!("{name} is no number up to {most}")),
        }
    }

    fn list(&self, name: &str) -> Result<&'v [Value]> {
        match self.fields.get(name) {
            Some(Value::Array(list)) => Ok(list),
            _ => self.wrong(&format!("{name} is no list")),
        }
    }

    /// The pattern of a part, and how many characters the shortest match has.
    fn pattern(&self) -> Result<usize> {
        let pattern = self.part("pattern")?;
        pattern.only(&["String", "Regex"])?;
        if pattern.fields.len() != 1 {
            return self.wrong("a pattern is either a String or a Regex");
        }
        if pattern.fields.contains_key("String") {
            return match pattern.text("String")?.chars().count() {
                0 => self.wrong("a pattern is empty"),
                chars => Ok(chars),
            };
        }
        if let Err(what) = patterns::check(pattern.text("Regex")?) {
            return self.wrong(&format!("the pattern {what}"));
        }
        Ok(0)
    }
}

fn check_model(model: &Part<'_>) -> Result<()> {
    let vocabulary = || match model.fields.get("vocab") {
        Some(Value::Object(vocabulary)) => Ok(vocabulary),
        _ => model.wrong("vocab is no object"),
    };
    let check_ids = |vocabulary: &Map<String, Value>| {
        let is_id = |id: &Value| id.as_u64().is_some_and(|id| id < MAX_IDS);
        match vocabulary.values().all(is_id) {
            true => Ok(()),
            false => model.wrong(&format!("a token has no id below {MAX_IDS}")),
        }
    };
    let has_unknown = |vocabulary: &Map<String, Value>| -> Result<()> {
        match vocabulary.contains_key(model.text("unk_token")?) {
            true => Ok(()),
            false => model.wrong("its unknown token is not in its vocabulary"),
        }
    };
    match model.kind()? {
        "BPE" => {
            model.only(&[
                "type",
                "dropout",
                "unk_token",
                "continuing_subword_prefix",
                "end_of_word_suffix",
                "fuse_unk",
                "byte_fallback",
                "ignore_merges",
                "vocab",
                "merges",
            ])?;
            let dropout = model.fields.get("dropout").unwrap_or(&Value::Null);
            if !dropout.is_null() && dropout.as_f64() != Some(0.0) {
                return model.wrong("a dropout, which makes tokens random, is not supported");
            }
            model.optional_text("unk_token")?;
            model.optional_text("end_of_word_suffix")?;
            check_ids(vocabulary()?)?;
            let prefix = model.optional_text("continuing_subword_prefix")?;
            let second = |merge: &Value| match merge {
                Value::String(merge) => Some(merge.split_once(' ')?.1.to_owned()),
                Value::Array(pair) => Some(pair.get(1)?.as_str()?.to_owned()),
                _ => None,
            };
            for merge in model.list("merges")? {
                match second(merge) {
                    Some(second) if second.starts_with(prefix.unwrap_or_default()) => {}
                    _ => return model.wrong("a merge is not of two tokens"),
                }
            }
            Ok(())
        }
        "WordPiece" => {
            model.only(&[
                "type",
                "unk_token",
                "continuing_subword_prefix",
                "max_input_chars_per_word",
                "vocab",
            ])?;
            model.text("continuing_subword_prefix")?;
            model.count("max_input_chars_per_word", MAX_WORD_CHARS)?;
            check_ids(vocabulary()?)?;
            has_unknown(vocabulary()?)
        }
        "WordLevel" => {
            model.only(&["type", "unk_token", "vocab"])?;
            check_ids(vocabulary()?)?;
            has_unknown(vocabulary()?)
        }
        "Unigram" => {
            model.only(&["type", "unk_id", "vocab", "byte_fallback"])?;
            let vocabulary = model.list("vocab")?;
            if vocabulary.len() as u64 > MAX_IDS {
                return model.wrong(&format!("its vocabulary has more than {MAX_IDS} tokens"));
            }
            let is_token = |entry: &Value| match entry.as_array().map(Vec::as_slice) {
                Some([Value::String(token), score]) => {
                    token.len() <= MAX_UNIGRAM_TOKEN_BYTES
                        && score.as_f64().is_some_and(|score| score.abs() <= MAX_SCORE)
                }
                _ => false,
            };
            if !vocabulary.iter().all(is_token) {
                return model.wrong(&format!(
                    "a token is no text of {MAX_UNIGRAM_TOKEN_BYTES} bytes or fewer with a score"
                ));
            }
            match model.fields.get("unk_id") {
                None | Some(Value::Null) => Ok(()),
                Some(_) => model
                    .count("unk_id", (vocabulary.len() as u64).saturating_sub(1))
                    .map(drop),
            }
        }
        other => model.wrong(&format!("the type {other:?} is not supported")),
    }
}

fn check_added_tokens(whole: &Part<'_>) -> Result<()> {
    let tokens = match whole.fields.get("added_tokens") {
        None | Some(Value::Null) => return Ok(()),
        Some(_) => whole.list("added_tokens")?,
    };
    if tokens.len() > MAX_ADDED_TOKENS {
        let count = tokens.len();
        return whole.wrong(&format!(
            "it has {count} added tokens, the limit is {MAX_ADDED_TOKENS}"
        ));
    }
    for token in tokens {
        let token = Part::of("an added token", token)?;
        token.only(&[
            "id",
            "content",
            "single_word",
            "lstrip",
            "rstrip",
            "normalized",
            "special",
        ])?;
        token.text("content")?;
        token.count("id", MAX_IDS - 1)?;
    }
    Ok(())
}

/// What has been seen of a tree of parts.
struct Walk {
    parts: usize,
    /// How many times longer a text may become.
    growth: usize,
}

impl Walk {
    fn new() -> Self {
        Walk {
            parts: 0,
            growth: 1,
        }
    }

    /// Checks the part `name` of `of` by `check`, if it is there.
    fn parts(
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

fn normalizer(part: &Part<'_>, walk: &mut Walk, depth: usize) -> Result<()> {
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

fn pre_tokenizer(part: &Part<'_>, walk: &mut Walk, depth: usize) -> Result<()> {
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

fn decoder(part: &Part<'_>, walk: &mut Walk, depth: usize) -> Result<()> {
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

fn post_processor(part: &Part<'_>, walk: &mut Walk, depth: usize) -> Result<()> {
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

#[cfg(test)]
#[path = "tokenizer_check_tests.rs"]
mod tests;
