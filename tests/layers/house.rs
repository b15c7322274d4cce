//! The rules: arrows point down the table, nothing goes in a circle, programs see the face only.

use std::collections::{BTreeMap, BTreeSet};

use super::modules::Modules;
use super::source;
use super::table::Table;

/// Paths as from the repository's root, with their text.
pub type Files = Vec<(String, String)>;

/// Everything that is at odds with the table, a line each.
pub fn faults(table: &Table, files: &Files) -> Vec<String> {
    let library: Files = files
        .iter()
        .filter(|(path, _)| path.starts_with("src/") && !table.is_program(path))
        .cloned()
        .collect();
    let modules = Modules::new("src/", &library);
    let mut faults = modules.faults.clone();
    faults.extend(unnamed_and_missing(table, files));
    faults.extend(upward(table, &modules));
    faults.extend(programs(table, files));
    faults.sort();
    faults.dedup();
    faults
}

/// `src/trie/key.rs` is in the room `src/trie/`, `src/rng.rs` is one.
fn room_of(file: &str) -> String {
    let inside = file.trim_start_matches("src/");
    match inside.split_once('/') {
        Some((folder, _)) => format!("src/{folder}/"),
        None => file.to_string(),
    }
}

fn unnamed_and_missing(table: &Table, files: &Files) -> Vec<String> {
    let mut faults = Vec::new();
    let sources = files.iter().filter(|(path, _)| path.ends_with(".rs"));
    let rooms: BTreeSet<String> = sources
        .filter(|(path, _)| path.starts_with("src/") && path != "src/lib.rs")
        .filter(|(path, _)| !table.is_program(path))
        .map(|(path, _)| room_of(path))
        .collect();
    for room in &rooms {
        if table.floor(room).is_none() {
            faults.push(format!("the table does not name {room}"));
        }
    }
    for room in table.rooms() {
        if !files.iter().any(|(path, _)| path.starts_with(room)) {
            faults.push(format!("the table names {room}, which does not exist"));
        }
    }
    faults
}

fn upward(table: &Table, modules: &Modules) -> Vec<String> {
    let mut faults = Vec::new();
    for reference in &modules.references {
        if reference.file == "src/lib.rs" {
            continue;
        }
        let path = reference.target.join("::");
        let Some(target) = modules.room(&reference.target) else {
            faults.push(format!("{}: `crate::{path}` leads nowhere", reference.file));
            continue;
        };
        let room = room_of(&reference.file);
        let target = [format!("src/{target}/"), format!("src/{target}.rs")]
            .into_iter()
            .find(|target| table.floor(target).is_some());
        let (Some(from), Some(target)) = (table.floor(&room), target) else {
            continue;
        };
        let to = table.floor(&target).unwrap();
        if room != target && to >= from {
            let way = if to > from { "up" } else { "to its own floor" };
            let file = &reference.file;
            faults.push(format!(
                "{file}: `crate::{path}` points {way}, from {room} to {target}"
            ));
        }
    }
    faults
}

/// Files and folders of one folder that know each other.
#[derive(Debug)]
pub struct Circle {
    /// Sorted.
    pub nodes: Vec<String>,
    /// How they know each other: a path for each pair.
    arrows: Vec<String>,
}

impl std::fmt::Display for Circle {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "a circle: {}", self.nodes.join(", "))?;
        self.arrows
            .iter()
            .try_for_each(|arrow| write!(f, "\n    {arrow}"))
    }
}

pub fn circles(modules: &Modules) -> Vec<Circle> {
    // From node to node, with the paths that say so.
    let mut edges: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for reference in &modules.references {
        let Some(target) = modules.file(&reference.target) else {
            continue;
        };
        let (from, to) = fork(&reference.file, target);
        let root = matches!(from.as_str(), "src/lib.rs" | "src/bin/zerogr/main.rs");
        let hands_on_its_own = reference.handed_on && from.ends_with("/mod.rs");
        if from != to && !root && !hands_on_its_own {
            let arrow = format!("{}: {}", reference.file, reference.target.join("::"));
            let ways = edges.entry(from).or_default();
            ways.entry(to).or_default().insert(arrow);
        }
    }
    let reach: BTreeMap<&String, BTreeSet<&String>> = edges
        .keys()
        .map(|start| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
            while let Some(node) = open.pop() {
                for next in edges.get(node).into_iter().flatten().map(|(next, _)| next) {
                    if seen.insert(next) {
                        open.push(next);
                    }
                }
            }
            (start, seen)
        })
        .collect();
    let both_ways = |a: &String, b: &String| {
        let leads = |a, b| reach.get(a).is_some_and(|seen| seen.contains(b));
        leads(a, b) && leads(b, a)
    };
    let circles: BTreeSet<Vec<&String>> = reach
        .iter()
        .map(|(start, seen)| {
            seen.iter()
                .copied()
                .filter(|node| both_ways(start, node))
                .collect()
        })
        .filter(|nodes: &Vec<&String>| nodes.len() > 1)
        .collect();
    circles
        .iter()
        .map(|nodes| {
            let ways = nodes.iter().filter_map(|node| edges.get(*node)).flatten();
            let inside = ways.filter(|(to, _)| nodes.contains(to));
            Circle {
                nodes: nodes.iter().map(|node| node.to_string()).collect(),
                arrows: inside
                    .filter_map(|(_, arrows)| arrows.first().cloned())
                    .collect(),
            }
        })
        .collect()
}

/// Where the ways to two files part: a file or folder each, of the same folder.
fn fork(from: &str, to: &str) -> (String, String) {
    let shared = from
        .split('/')
        .zip(to.split('/'))
        .take_while(|(a, b)| a == b)
        .map(|(part, _)| part.len() + 1)
        .sum::<usize>();
    let end = |path: &str| match path.get(shared..).and_then(|rest| rest.find('/')) {
        Some(length) => path[..shared + length + 1].to_string(),
        None => path.to_string(),
    };
    (end(from), end(to))
}

/// Programs name what `lib.rs` shows, and take no file of the library for themselves.
fn programs(table: &Table, files: &Files) -> Vec<String> {
    let lib = files.iter().find(|(path, _)| path == "src/lib.rs");
    let lib = source::read(lib.map_or("", |(_, text)| text));
    let modules = lib.modules.iter().filter(|module| module.public);
    let names = lib.paths.iter().filter_map(|path| path.import.as_ref());
    let face: BTreeSet<&str> = modules
        .map(|module| module.name.as_str())
        .chain(
            names
                .filter(|name| name.public)
                .map(|name| name.name.as_str()),
        )
        .collect();
    let mut faults = Vec::new();
    for (file, text) in files {
        if !file.ends_with(".rs") || !table.is_program(file) {
            continue;
        }
        let program = source::read(text);
        for path in &program.paths {
            let [name, first, ..] = path.segments.as_slice() else {
                continue;
            };
            // The parts are for programs that are made with the library, not for users of it.
            let hidden =
                first == "raw" && !file.starts_with("src/") && !file.starts_with("benches/");
            if name == "zerogr" && (hidden || !face.contains(first.as_str())) {
                let path = path.segments.join("::");
                faults.push(format!("{file}: `{path}` is not of the public face"));
            }
        }
        for module in &program.modules {
            let path = module.path_attribute.as_deref().unwrap_or_default();
            if path.contains("../src/") {
                faults.push(format!("{file}: takes {path} for itself"));
            }
        }
    }
    faults
}
