//! Every requirement of the specification has a test or code that names it, and every name is in
//! the specification.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use zerogr::raw::format::ExtentKind;
use zerogr::raw::format::sections::KNOWN;

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

#[test]
fn the_specification_and_the_registry_list_the_same_sections() {
    let mut stated = BTreeSet::new();
    for page in ["README.md", "bodies.md"] {
        let text = std::fs::read_to_string(repository("format-spec").join(page)).unwrap();
        let mut heading = String::new();
        for line in text.lines() {
            if line.starts_with('#') {
                heading = line.to_uppercase();
            }
            let mut cells = line.split('|').map(str::trim).skip(1);
            let (Some(number), Some(name)) = (cells.next(), cells.next()) else {
                continue;
            };
            let number = match number.strip_prefix("0x") {
                Some(hex) => u16::from_str_radix(hex, 16).ok(),
                None if heading.ends_with(" MANIFEST") => number.parse().ok(),
                None => None,
            };
            if let Some(number) = number.filter(|_| {
                !name.is_empty() && name.chars().all(|c| c == '_' || c.is_ascii_uppercase())
            }) {
                stated.insert((number, name.to_owned(), heading.clone()));
            }
        }
    }
    // The one section of a blob has no name there.
    let known: Vec<_> = KNOWN
        .iter()
        .filter(|one| one.extent != ExtentKind::Blob)
        .collect();
    assert_eq!(stated.len(), known.len(), "{stated:?}");
    for one in known {
        let extent = match one.extent {
            ExtentKind::PseudoQueries => "PSEUDO_QUERIES".to_owned(),
            other => format!("{other:?}").to_uppercase(),
        };
        let is_it = |(number, name, heading): &(u16, String, String)| {
            *number == one.kind.0 && name == one.name && heading.contains(&extent)
        };
        assert!(stated.iter().any(is_it), "{one:?}");
    }
}
