//! Pairs from files of JSON lines: `{"prompt": …, "completion": …}`.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use crate::Result;
use crate::docs::read::lines::LineReader;
use crate::language::{Prompt, TuningPair};

/// A line of the file.
#[derive(Deserialize)]
struct Line {
    prompt: String,
    completion: String,
}

/// The pairs of a file, plain or gzip. Lines of white space are no pairs.
///
/// # Errors
///
/// `InvalidInput` with file and line for a line that is no pair, or has a blank side, and for what is not
/// UTF-8; `Limit` for a line above 64 MiB; `NotFound` and `Io`.
pub fn read_pairs(path: &Path) -> Result<Vec<TuningPair>> {
    let mut lines = LineReader::open(path, &Arc::default())?;
    let mut pairs = Vec::new();
    while let Some(line) = lines.next_line()? {
        let (number, text) = (line.number, line.text?);
        if text.trim().is_empty() {
            continue;
        }
        let pair = pair(text).map_err(|message| lines.error_at(number, message))?;
        pairs.push(pair);
    }
    Ok(pairs)
}

fn pair(line: &str) -> std::result::Result<TuningPair, String> {
    let line: Line = serde_json::from_str(line)
        .map_err(|error| format!("{error}; a line is {{\"prompt\": ..., \"completion\": ...}}"))?;
    for (name, text) in [("prompt", &line.prompt), ("completion", &line.completion)] {
        if text.trim().is_empty() {
            return Err(format!("\"{name}\" is blank"));
        }
    }
    Ok(TuningPair {
        prompt: Prompt::Completion(line.prompt),
        completion: line.completion,
    })
}
