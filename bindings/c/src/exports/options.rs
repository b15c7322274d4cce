//! From structs of C to what the library takes.

use std::path::PathBuf;
use std::time::Duration;

use zerogr::{
    Budget, Document, EncoderSource, Filter, IndexOptions, Mode, SearchOptions, SnippetOptions,
    TrainOptions,
};

use crate::failure::{Failure, Outcome};
use crate::objects::SnippetFormat;
use crate::raw;
use crate::types::{
    ZGR_CREATE_OR_OPEN, ZGR_CREATE_SEEDED, ZGR_ENCODER_DEFAULT, ZGR_ENCODER_FOLDER,
    ZGR_ENCODER_NONE, ZGR_MODE_DENSE, ZGR_MODE_FUSION, ZGR_MODE_GENERATIVE, ZGR_MODE_LEXICAL,
    ZGR_MODE_PLANNED, ZGR_SEARCH_EXPLAIN, ZGR_SEARCH_MIN_SIMILARITY, ZGR_SEARCH_PREFIX,
    ZGR_SNIPPET_HTML, ZGR_SNIPPET_JSON, ZGR_SNIPPET_MEANING, ZGR_SNIPPET_TEXT, ZGR_TRAIN_FULL,
    zgr_create_options, zgr_document, zgr_search_options, zgr_snippet_options, zgr_train_options,
};

/// Refuses flags that this version does not know, and anything where 0 must be.
pub fn check_flags(flags: u32, known: u32, reserved: u32) -> Outcome {
    match flags & !known == 0 && reserved == 0 {
        true => Ok(()),
        false => Err(Failure::misuse(format!(
            "flags {flags:#x}: this version of the library knows {known:#x}, and `reserved` is 0"
        ))),
    }
}

/// How an index is made.
pub unsafe fn create_options(given: &zgr_create_options) -> Outcome<IndexOptions> {
    check_flags(given.flags, ZGR_CREATE_OR_OPEN | ZGR_CREATE_SEEDED, 0)?;
    // SAFETY: as said at the head of `raw`.
    let (folder, fields) = unsafe {
        let folder = match given.encoder_folder.is_null() {
            true => None,
            false => Some(raw::path(
                given.encoder_folder,
                given.encoder_folder_len,
                "encoder_folder",
            )?),
        };
        let fields = raw::optional_text(given.fields, given.fields_len, "fields")?;
        (folder, fields)
    };
    let mut options = match (given.encoder, folder) {
        (ZGR_ENCODER_DEFAULT, None) => IndexOptions::new(),
        (ZGR_ENCODER_NONE, None) => IndexOptions::lexical(),
        (ZGR_ENCODER_FOLDER, None) => return Err(Failure::misuse("encoder_folder is null")),
        (encoder, folder) => IndexOptions::with_encoder(encoder_of(encoder, folder)?),
    };
    if let Some(fields) = fields {
        options.fields = serde_json::from_str(fields)
            .map_err(|error| Failure::invalid(format!("fields: {error}")))?;
    }
    if given.flags & ZGR_CREATE_SEEDED != 0 {
        options = options.file_seed(given.seed);
    }
    Ok(options)
}

/// An encoder that needs models.
fn encoder_of(number: u32, folder: Option<PathBuf>) -> Outcome<EncoderSource> {
    match (number, folder) {
        #[cfg(feature = "models")]
        (crate::types::ZGR_ENCODER_STATIC, None) => Ok(EncoderSource::Static),
        #[cfg(feature = "models")]
        (ZGR_ENCODER_FOLDER, Some(folder)) => Ok(EncoderSource::Folder(folder)),
        _ => Err(Failure::misuse(format!(
            "there is no encoder {number} in this library, or it takes no folder"
        ))),
    }
}

/// A document with its parts, and the rest from JSON.
pub unsafe fn document(given: *const zgr_document) -> Outcome<Document> {
    if given.is_null() {
        return Err(Failure::misuse("the zgr_document is null"));
    }
    // SAFETY: as said at the head of `raw`.
    let (id, title, text, rest) = unsafe {
        let given = raw::read(given)?;
        (
            raw::text(given.id, given.id_len, "id")?,
            raw::optional_text(given.title, given.title_len, "title")?,
            raw::optional_text(given.text, given.text_len, "text")?,
            raw::optional_text(given.rest, given.rest_len, "rest")?,
        )
    };
    let mut document = match rest {
        None => Document::new(id),
        Some(rest) => {
            let members = rest.trim().strip_prefix('{');
            let members = members.ok_or_else(|| Failure::invalid("rest is no JSON object"))?;
            let comma = if members.trim() == "}" { "" } else { "," };
            let id = serde_json::to_string(id)?;
            Document::from_json_line(&format!("{{\"_id\":{id}{comma}{members}"))?
        }
    };
    for (part, given, name) in [
        (&mut document.title, title, "title"),
        (&mut document.text, text, "text"),
    ] {
        if let Some(given) = given {
            if !part.is_empty() {
                return Err(Failure::invalid(format!("rest has a {name}, too")));
            }
            given.clone_into(part);
        }
    }
    Ok(document)
}

/// How to train.
pub fn train_options(given: &zgr_train_options) -> Outcome<TrainOptions> {
    check_flags(given.flags, ZGR_TRAIN_FULL, 0)?;
    let options = TrainOptions::new().full(given.flags & ZGR_TRAIN_FULL != 0);
    Ok(match given.epochs {
        0 => options,
        epochs => options.epochs(epochs as usize),
    })
}

/// How to search.
pub unsafe fn search_options(given: &zgr_search_options) -> Outcome<SearchOptions> {
    let known = ZGR_SEARCH_PREFIX | ZGR_SEARCH_EXPLAIN | ZGR_SEARCH_MIN_SIMILARITY;
    check_flags(given.flags, known, 0)?;
    let has = |flag| given.flags & flag != 0;
    // SAFETY: as said at the head of `raw`.
    let (filter, instruction) = unsafe {
        let instruction = (given.instruction, given.instruction_len);
        (
            raw::optional_text(given.filter, given.filter_len, "filter")?,
            raw::optional_text(instruction.0, instruction.1, "instruction")?,
        )
    };
    let mut options = SearchOptions::new()
        .mode(match given.mode {
            ZGR_MODE_PLANNED => Mode::Planned,
            ZGR_MODE_LEXICAL => Mode::Lexical,
            ZGR_MODE_GENERATIVE => Mode::Generative,
            ZGR_MODE_DENSE => Mode::Dense,
            ZGR_MODE_FUSION => Mode::Fusion,
            mode => return Err(Failure::misuse(format!("there is no mode {mode}"))),
        })
        .prefix(has(ZGR_SEARCH_PREFIX))
        .explain(has(ZGR_SEARCH_EXPLAIN));
    if given.k != 0 {
        options = options.k(given.k as usize);
    }
    if given.max_time_ms != 0 {
        let time = Duration::from_millis(given.max_time_ms.into());
        options = options.budget(Budget::new().max_time(time));
    }
    if let Some(filter) = filter {
        options = options.filter(filter.parse::<Filter>()?);
    }
    if let Some(instruction) = instruction {
        options = options.instruction(instruction);
    }
    if has(ZGR_SEARCH_MIN_SIMILARITY) {
        options = options.min_similarity(given.min_similarity as f32);
    }
    Ok(options)
}

/// How a snippet is made and shown.
pub unsafe fn snippet_options<'a>(
    given: &zgr_snippet_options,
) -> Outcome<(SnippetOptions, SnippetFormat<'a>)> {
    check_flags(given.flags, ZGR_SNIPPET_MEANING, given.reserved)?;
    // SAFETY: as said at the head of `raw`.
    let (open, close) = unsafe {
        (
            raw::optional_text(given.open, given.open_len, "open")?,
            raw::optional_text(given.close, given.close_len, "close")?,
        )
    };
    let format = match given.format {
        ZGR_SNIPPET_TEXT => {
            SnippetFormat::Between(open.unwrap_or_default(), close.unwrap_or_default())
        }
        ZGR_SNIPPET_HTML => SnippetFormat::Html,
        ZGR_SNIPPET_JSON => SnippetFormat::Json,
        format => return Err(Failure::misuse(format!("there is no format {format}"))),
    };
    let options = SnippetOptions::new().semantic(given.flags & ZGR_SNIPPET_MEANING != 0);
    let options = match given.max_chars {
        0 => options,
        max_chars => options.max_chars(max_chars as usize),
    };
    Ok((options, format))
}
