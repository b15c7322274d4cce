//! The modules of one crate, and the file where a path ends.

use std::collections::BTreeMap;

use super::source::{self, Path};

/// A module by its names from the crate's root.
pub type ModulePath = Vec<String>;

#[derive(Debug, Default)]
struct Module {
    file: String,
    /// What `use` lines bring into it, with the paths as from the crate's root.
    names: BTreeMap<String, ModulePath>,
    globs: Vec<ModulePath>,
}

/// The production code of a crate: tests are left out.
#[derive(Debug, Default)]
pub struct Modules {
    modules: BTreeMap<ModulePath, Module>,
    /// Every path that stays in the crate.
    pub references: Vec<Reference>,
    /// What the rules cannot follow.
    pub faults: Vec<String>,
}

/// A file names something of its own crate.
#[derive(Debug)]
pub struct Reference {
    pub file: String,
    /// From the crate's root.
    pub target: ModulePath,
    /// A `pub use` that hands on what another file holds.
    pub handed_on: bool,
}

impl Modules {
    /// `root` is the folder of `lib.rs` or `main.rs`; `files` have paths as from the repository.
    pub fn new(root: &str, files: &[(String, String)]) -> Modules {
        let mut found = Modules::default();
        let sources: BTreeMap<&str, source::Source> = files
            .iter()
            .filter(|(path, _)| path.starts_with(root))
            .map(|(path, text)| (path.as_str(), source::read(text)))
            .collect();
        let tests = tests(&sources);
        let production: Vec<_> = sources
            .iter()
            .filter(|(file, _)| !tests.iter().any(|test| is_at_or_below(file, test)))
            .collect();
        for (file, source) in &production {
            let module = module_of(root, file);
            found.modules.entry(module.clone()).or_default().file = file.to_string();
            for inline in source.modules.iter().filter(|m| m.inline && !m.test) {
                let path = [
                    &module[..],
                    &inline.inside,
                    std::slice::from_ref(&inline.name),
                ]
                .concat();
                found.modules.entry(path).or_default().file = file.to_string();
            }
        }
        for (file, source) in &production {
            for path in &source.paths {
                found.add(&module_of(root, file), file, path);
            }
        }
        found
    }

    fn add(&mut self, module: &[String], file: &str, path: &Path) {
        let here = [module, &path.inside].concat();
        let Some(target) = self.absolute(&here, &path.segments) else {
            return;
        };
        if let Some(import) = &path.import {
            let module = self.modules.entry(here).or_default();
            if import.name == "*" {
                module.globs.push(target[..target.len() - 1].to_vec());
            } else {
                module.names.insert(import.name.clone(), target.clone());
            }
        }
        if target.first().is_none_or(|first| first == "*") {
            let written = path.segments.join("::");
            self.faults
                .push(format!("{file}: `{written}` names the whole crate"));
        }
        self.references.push(Reference {
            file: file.to_string(),
            target,
            handed_on: path.import.as_ref().is_some_and(|import| import.public),
        });
    }

    /// The path from the crate's root, or nothing if it leaves the crate.
    fn absolute(&self, here: &[String], segments: &[String]) -> Option<ModulePath> {
        let mut from = here.to_vec();
        let mut rest = segments;
        match segments.first()?.as_str() {
            "crate" => {
                from.clear();
                rest = &segments[1..];
            }
            "self" => rest = &segments[1..],
            "super" => {}
            first => {
                from.push(first.to_string());
                let child = self.modules.contains_key(&from);
                from.pop();
                if !child {
                    return None;
                }
            }
        }
        while rest.first().is_some_and(|word| word == "super") {
            from.pop()?;
            rest = &rest[1..];
        }
        from.extend(rest.iter().cloned());
        Some(from)
    }

    /// The room that a path enters first: a folder or file beside `lib.rs`.
    pub fn room(&self, target: &[String]) -> Option<&str> {
        let first = target.first()?;
        if let Some((name, _)) = self.modules.get_key_value(&target[..1]) {
            return Some(&name[0]);
        }
        // A name that `lib.rs` hands on.
        let root = self.modules.get(&Vec::new())?;
        let path = root.names.get(first)?;
        let (name, _) = self.modules.get_key_value(path.get(..1)?)?;
        Some(&name[0])
    }

    /// The file that holds what a path names, behind all that is handed on.
    pub fn file(&self, target: &[String]) -> Option<&str> {
        self.file_within(target, 16)
    }

    fn file_within(&self, target: &[String], steps_left: usize) -> Option<&str> {
        let steps_left = steps_left.checked_sub(1)?;
        let depth = (0..=target.len())
            .rev()
            .find(|&depth| self.modules.contains_key(&target[..depth]))?;
        let module = self.modules.get(&target[..depth])?;
        let Some(name) = target.get(depth) else {
            return Some(&module.file);
        };
        if let Some(elsewhere) = module.names.get(name) {
            let path = [&elsewhere[..], &target[depth + 1..]].concat();
            if path != target {
                return self.file_within(&path, steps_left);
            }
        }
        Some(&module.file)
    }
}

/// `src/store/mod.rs` is `store`, `src/store/lock.rs` is `store::lock`.
fn module_of(root: &str, file: &str) -> ModulePath {
    let path = file.trim_start_matches(root).trim_end_matches(".rs");
    let mut module: ModulePath = path
        .split('/')
        .filter(|part| !part.is_empty())
        .map(str::to_string)
        .collect();
    let last = module.last().map(String::as_str);
    if last == Some("mod") || module.len() == 1 && matches!(last, Some("lib" | "main")) {
        module.pop();
    }
    module
}

/// Files, without `.rs`, that are modules only of tests; what is below them is as well.
fn tests(sources: &BTreeMap<&str, source::Source>) -> Vec<String> {
    let mut tests = Vec::new();
    for (file, source) in sources {
        let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
        let stem = name.trim_end_matches(".rs");
        for module in source.modules.iter().filter(|m| m.test && !m.inline) {
            let path = match &module.path_attribute {
                Some(path) => format!("{folder}/{}", path.trim_end_matches(".rs")),
                None if matches!(stem, "mod" | "lib" | "main") => {
                    format!("{folder}/{}", module.name)
                }
                None => format!("{folder}/{stem}/{}", module.name),
            };
            tests.push(path);
        }
    }
    tests
}

fn is_at_or_below(file: &str, test: &str) -> bool {
    file.strip_prefix(test)
        .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}
