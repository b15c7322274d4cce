//! Tensors without the prefix that some programs put before the names of all of them.

use std::ops::Range;

use crate::Result;
use crate::convert::checkpoint::tensors::TensorSource;
use crate::convert::hugging_face::safetensors::SafetensorsFolder;

/// The tensors of a folder.
pub(super) struct Named {
    source: SafetensorsFolder,
    prefix: String,
    /// The tensor that is none of the transformer's.
    left_out: Option<&'static str>,
}

impl Named {
    /// The tensors of `source`, one of which is called `known`, behind a prefix or none.
    pub fn new(source: SafetensorsFolder, known: &str) -> Named {
        let names = source.names();
        let mut prefixes: Vec<&str> = names
            .iter()
            .filter_map(|name| name.strip_suffix(known))
            .collect();
        prefixes.sort_unstable_by_key(|prefix| (prefix.len(), *prefix));
        let is_prefix = |prefix: &&&str| prefix.is_empty() || prefix.ends_with('.');
        let prefix = prefixes.iter().find(is_prefix).map_or("", |prefix| prefix);
        Named {
            prefix: prefix.to_owned(),
            source,
            left_out: None,
        }
    }

    /// The tensors but for one.
    pub fn without(self, left_out: &'static str) -> Named {
        Named {
            left_out: Some(left_out),
            ..self
        }
    }

    /// The tensors by the names that the file has.
    pub fn source(&self) -> &SafetensorsFolder {
        &self.source
    }
}

impl TensorSource for Named {
    fn names(&self) -> Vec<String> {
        let names = self.source.names().into_iter();
        let short = |name: String| match name.strip_prefix(&self.prefix) {
            Some(short) => short.to_owned(),
            None => name,
        };
        let is_left_out = |name: &String| self.left_out == Some(name.as_str());
        names.filter(|name| !is_left_out(name)).map(short).collect()
    }

    fn name_in_file(&self, name: &str) -> String {
        let long = format!("{}{name}", self.prefix);
        match self.source.shape(&long) {
            Some(_) => long,
            None => name.to_owned(),
        }
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.source.shape(&format!("{}{name}", self.prefix))
    }

    fn read_rows(&self, name: &str, rows: Range<usize>, to: &mut [f32]) -> Result<()> {
        self.source
            .read_rows(&format!("{}{name}", self.prefix), rows, to)
    }
}
