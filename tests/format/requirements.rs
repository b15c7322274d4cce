//! Every requirement of the specification has a test or code that names it, and every name is in
//! the specification.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::support::repository::repository;

/// Promises about versions and readers to come: nothing in this build can break them.
const PROMISES: &[&str] = &["ZF-VE-04", "ZF-VE-05", "ZF-VE-06"];

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|other| other == extension) {
            found.push(path);
        }
    }
}

/// The ids in the files of some folders, each with a file that names it.
fn named_in(folders: &[&str], extension: &str) -> BTreeMap<String, PathBuf> {
    let mut paths = Vec::new();
    for folder in folders {
        files(&repository(folder), extension, &mut paths);
    }
    let mut ids = BTreeMap::new();
    for path in paths {
        if path.ends_with(file!()) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for (at, _) in text.match_indices("ZF-") {
            let id: String = text[at..].chars().take("ZF-XX-00".len()).collect();
            let is_id = id.len() == 8
                && id[3..5].bytes().all(|byte| byte.is_ascii_uppercase())
                && id[6..].bytes().all(|byte| byte.is_ascii_digit());
            assert!(is_id, "{}: {id} is no requirement id", path.display());
            ids.insert(id, path.clone());
        }
    }
    ids
}

#[test]
fn every_requirement_is_named_and_every_name_is_a_requirement() {
    let stated = stated();
    let named = named_in(&["src", "tests"], "rs");
    let exempt: BTreeSet<&str> = PROMISES.iter().copied().collect();
    for id in &stated {
        let is_named = named.contains_key(id);
        let is_exempt = exempt.contains(id.as_str());
        assert!(is_named || is_exempt, "{id}: no test and no code names it");
        assert!(
            !(is_named && is_exempt),
            "{id} is named now: it is no exception"
        );
    }
    for (id, path) in &named {
        assert!(
            stated.contains(id),
            "{}: {id} is not in the specification",
            path.display()
        );
    }
    assert!(exempt.iter().all(|id| stated.contains(*id)));
}

/// The ids that the specification states, in bold brackets, each once.
fn stated() -> BTreeSet<String> {
    let mut paths = Vec::new();
    files(&repository("format-spec"), "md", &mut paths);
    let mut stated = BTreeSet::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        for (at, opening) in text.match_indices("**[ZF-") {
            let id = &text[at + opening.len() - 3..][..8];
            assert!(text[at..].starts_with(&format!("**[{id}]**")), "{id}");
            assert!(stated.insert(id.to_owned()), "{id} is stated twice");
        }
    }
    // References between chapters lead somewhere.
    for (id, path) in named_in(&["format-spec"], "md") {
        assert!(
            stated.contains(&id),
            "{}: {id} is not stated",
            path.display()
        );
    }
    stated
}
