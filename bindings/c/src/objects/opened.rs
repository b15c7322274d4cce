//! An open index, or one state of it.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use zerogr::{Index, IndexOptions, OpenOptions, Snapshot, VerifyLevel, WriteOptions};

use super::writing::Writing;
use crate::failure::{Failure, Outcome};

/// An open index.
pub struct Opened {
    index: Index,
    /// The state that this handle stays at.
    frozen: Option<Snapshot>,
    is_read_only: bool,
}

/// Creates an index, or opens the one that is there if that is asked for.
pub fn create(path: &Path, options: IndexOptions, or_open: bool) -> Outcome<Opened> {
    let index = match or_open {
        true => Index::open_or_create(path, options, OpenOptions::new())?,
        false => Index::create(path, options)?,
    };
    Ok(Opened::new(index, false))
}

/// Looks for damage: a report as JSON, and whether there is none.
pub fn check(path: &Path, level: VerifyLevel) -> Outcome<(String, bool)> {
    let report = zerogr::check(path, level)?;
    Ok((serde_json::to_string(&report)?, report.is_ok()))
}

impl Opened {
    pub fn new(index: Index, is_read_only: bool) -> Self {
        Opened {
            index,
            frozen: None,
            is_read_only,
        }
    }

    /// The state that is read.
    pub fn state(&self) -> Snapshot {
        match &self.frozen {
            Some(state) => state.clone(),
            None => self.index.snapshot(),
        }
    }

    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The same index, staying at the state that it has now.
    pub fn freeze(&self) -> Opened {
        Opened {
            index: self.index.clone(),
            frozen: Some(self.state()),
            is_read_only: true,
        }
    }

    /// Looks for commits of others, and says whether there are newer ones.
    pub fn refresh(&self) -> Outcome<bool> {
        match self.frozen {
            None => Ok(self.index.refresh()?),
            Some(_) => Err(Failure::misuse(
                "a snapshot stays at its state: refresh the index it is of",
            )),
        }
    }

    /// Starts writing, after waiting for other writers.
    pub fn writer(&self, wait: Duration) -> Outcome<Writing> {
        self.only_if_writable()?;
        let writer = self.index.writer_with(&WriteOptions::new().wait(wait))?;
        Ok(Writing::new(writer))
    }

    /// Gives dead space back; the report as JSON.
    pub fn vacuum(&self) -> Outcome<String> {
        self.only_if_writable()?;
        let mut writer = self.index.writer_with(&WriteOptions::new())?;
        Ok(serde_json::to_string(&writer.vacuum()?)?)
    }

    /// Searches the words of written queries with this weight.
    pub fn set_expansion_weight(&self, weight: f64) -> Outcome {
        self.only_if_writable()?;
        Ok(self.index.set_expansion_weight(weight)?)
    }

    fn only_if_writable(&self) -> Outcome {
        match self.is_read_only {
            false => Ok(()),
            true => Err(Failure::read_only(
                "this handle only reads: it was opened so, or is a snapshot",
            )),
        }
    }

    /// A document as a line of JSON.
    pub fn document(&self, id: &str) -> Outcome<String> {
        let document = self.state().document(id)?;
        let document =
            document.ok_or_else(|| Failure::not_found(format!("there is no document {id:?}")))?;
        Ok(document.to_json_line())
    }

    /// What the index holds, as JSON.
    pub fn info(&self) -> Outcome<String> {
        let state = self.state();
        let mut info = json!({
            "path": self.index.path().to_string_lossy(),
            "generation": state.generation(),
            "documents": state.document_count(),
            "passages": state.passage_count(),
            "dead": state.dead_documents(),
            "parameters": serde_json::to_value(state.params())?,
        });
        if self.frozen.is_none() {
            info["space"] = serde_json::to_value(self.index.stored().space()?)?;
        }
        Ok(info.to_string())
    }
}
