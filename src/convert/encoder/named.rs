//! Tensors by the names that `transformers` gives them in memory: without the prefix that some
//! programs put before the names of all of them, and norms by `weight` and `bias`, which it writes to
//! files as `gamma` and `beta` in some versions.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::Result;
use crate::convert::checkpoint::tensors::TensorSource;
use crate::convert::hugging_face::safetensors::SafetensorsFolder;

/// Ends of names in files and what they stand for.
const OTHER_ENDS: [(&str, &str); 2] = [
    ("LayerNorm.gamma", "LayerNorm.weight"),
    ("LayerNorm.beta", "LayerNorm.bias"),
];

/// The tensors of a folder.
pub(super) struct Named {
    source: SafetensorsFolder,
    /// Names in the file by the names here.
    names: BTreeMap<String, String>,
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
        let own = |name: &String| {
            let short = name.strip_prefix(prefix).unwrap_or(name);
            let other = OTHER_ENDS
                .iter()
                .find_map(|(end, usual)| Some(format!("{}{usual}", short.strip_suffix(end)?)));
            // A file that has both has one that nothing stands for.
            other
                .filter(|usual| source.shape(&format!("{prefix}{usual}")).is_none())
                .unwrap_or_else(|| short.to_owned())
        };
        Named {
            names: names.iter().map(|name| (own(name), name.clone())).collect(),
            source,
        }
    }

    /// Leaves a tensor out that is none of the transformer's.
    pub fn without(mut self, name: &str) -> Named {
        self.names.remove(name);
        self
    }

    /// The tensors by the names that the file has.
    pub fn source(&self) -> &SafetensorsFolder {
        &self.source
    }
}

impl TensorSource for Named {
    fn names(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    fn name_in_file(&self, name: &str) -> String {
        self.names.get(name).map_or(name, String::as_str).to_owned()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.source.shape(self.names.get(name)?)
    }

    fn read_rows(&self, name: &str, rows: Range<usize>, to: &mut [f32]) -> Result<()> {
        self.source.read_rows(&self.name_in_file(name), rows, to)
    }
}
