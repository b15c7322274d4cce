//! The indexes that are served, by name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use zerogr::Index;

use crate::console::failure::Failure;
use crate::console::output;

/// What is served, in the order it was given.
#[derive(Clone)]
pub struct Indexes {
    named: Arc<[(String, Index)]>,
}

impl Indexes {
    /// Opens all of `paths` by `open`.
    pub fn open(
        paths: &[PathBuf],
        open: impl Fn(&Path) -> Result<Index, Failure>,
    ) -> Result<Indexes, Failure> {
        let mut named: Vec<(String, Index)> = Vec::with_capacity(paths.len());
        for path in paths {
            let stem = path.file_stem().unwrap_or(path.as_os_str());
            let name = stem.to_string_lossy().into_owned();
            if named.iter().any(|(known, _)| *known == name) {
                return Err(Failure::usage(format!(
                    "two indexes are called {}: clients could not tell them apart, so rename one",
                    output::inline(&name)
                )));
            }
            named.push((name, open(path)?));
        }
        Ok(Indexes {
            named: named.into(),
        })
    }

    /// The index that a client means: the one of this name, or the only one.
    pub fn get(&self, name: Option<&str>) -> Result<&Index, Failure> {
        let found = match name {
            Some(name) => self.named.iter().find(|(known, _)| known == name),
            None if self.named.len() == 1 => self.named.first(),
            None => None,
        };
        found.map(|(_, index)| index).ok_or_else(|| {
            Failure::new(match name {
                Some(name) => format!(
                    "no index is called {}; there are {}",
                    output::inline(name),
                    self.names()
                ),
                None => format!("say which index is meant: one of {}", self.names()),
            })
        })
    }

    /// Names and indexes.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Index)> {
        self.named
            .iter()
            .map(|(name, index)| (name.as_str(), index))
    }

    /// All names in one line.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.iter().map(|(name, _)| name).collect();
        names.join(", ")
    }
}
