//! The rooms of the library: `ARCHITECTURE.md` has the table of layers, and the code obeys it.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "layers/house.rs"]
mod house;
#[path = "layers/modules.rs"]
mod modules;
#[path = "layers/source.rs"]
mod source;
#[path = "layers/table.rs"]
mod table;
#[path = "layers/tokens.rs"]
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use house::Files;
use modules::Modules;
use table::Table;

/// Circles of files inside one folder that stay, with the reason.
const CIRCLES: &[(&[&str], &str)] = &[
    (
        &["src/index/handle.rs", "src/index/writer.rs"],
        "`Index::writer` makes a `Writer`, and a `Writer` holds its `Index`",
    ),
    (
        &["src/store/system/backend.rs", "src/store/system/file.rs"],
        "a backend can be asked whether it is a file",
    ),
];

/// Lines of a file in `src/`, so that one concept stays one file.
const MAX_LINES: usize = 500;

/// Files directly in a folder of `src/`.
const MAX_FILES: usize = 16;

fn table() -> Table {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    Table::read(&fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap())
}

/// All Rust sources that the table is about, and no others.
fn tree() -> Files {
    fn add(root: &Path, folder: &str, files: &mut Files) {
        let Ok(entries) = fs::read_dir(root.join(folder)) else {
            return;
        };
        for entry in entries {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                add(root, &path, files);
            } else if path.ends_with(".rs") {
                let text = fs::read_to_string(entry.path()).unwrap();
                files.push((path, text));
            }
        }
    }
    let mut files = Files::new();
    for folder in ["src", "benches", "bindings", "examples"] {
        add(Path::new(env!("CARGO_MANIFEST_DIR")), folder, &mut files);
    }
    files
}

#[test]
fn the_code_obeys_the_table_of_layers() {
    let faults = house::faults(&table(), &tree());
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn files_go_in_no_circles_but_the_listed_ones() {
    let files = tree();
    let (bin, library): (Files, Files) = files
        .into_iter()
        .partition(|(path, _)| path.starts_with("src/bin/"));
    let mut found = house::circles(&Modules::new("src/", &library));
    found.extend(house::circles(&Modules::new("src/bin/zerogr/", &bin)));
    let listed: BTreeSet<String> = CIRCLES.iter().map(|(nodes, _)| nodes.join(" ")).collect();
    let new: Vec<String> = found
        .iter()
        .filter(|circle| !listed.contains(&circle.nodes.join(" ")))
        .map(|circle| circle.to_string())
        .collect();
    assert!(new.is_empty(), "\n{}", new.join("\n"));
    let found: BTreeSet<String> = found.iter().map(|circle| circle.nodes.join(" ")).collect();
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(gone.is_empty(), "no circles any more: {gone:#?}");
}

#[test]
fn one_concept_is_one_file() {
    let long: Vec<String> = tree()
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(path, lines)| path.starts_with("src/") && *lines > MAX_LINES)
        .map(|(path, lines)| format!("{path} has {lines} lines"))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn a_room_can_be_looked_over() {
    let mut files_of: BTreeMap<String, usize> = BTreeMap::new();
    for (path, _) in tree().iter().filter(|(path, _)| path.starts_with("src/")) {
        let (folder, _) = path.rsplit_once('/').unwrap();
        *files_of.entry(folder.to_string()).or_default() += 1;
    }
    let full: Vec<_> = files_of
        .iter()
        .filter(|(_, files)| **files > MAX_FILES)
        .collect();
    assert!(full.is_empty(), "{full:#?}");
}

/// Names in backticks that begin like this are paths of the repository.
const FOLDERS: [&str; 7] = [
    "src/",
    "bindings/",
    "tests/",
    "benches/",
    "examples/",
    "fuzz/",
    "format-spec/",
];

#[test]
fn pages_name_files_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = [
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "README.md",
        "bindings/python/README.md",
        "src/bin/zerogr/README.md",
        "bindings/c/README.md",
        "benches/NUMBERS.md",
        "benches/QUALITY.md",
        "benches/SCALE.md",
        "fuzz/README.md",
        "tests/golden/README.md",
    ];
    for page in pages {
        let text = fs::read_to_string(root.join(page)).unwrap();
        for name in text.split('`').skip(1).step_by(2) {
            let is_path = FOLDERS.iter().any(|folder| name.starts_with(folder));
            let exists = root.join(name.split([' ', ':']).next().unwrap()).exists();
            assert!(!is_path || exists, "{page} names `{name}`");
        }
    }
}

/// Programs of tests are listed, and so are their modules: what is not would never run.
#[test]
fn every_file_of_tests_is_in_a_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let manifests = read("Cargo.toml") + &read("src/bin/zerogr/Cargo.toml");
    let mut programs = 0;
    for entry in fs::read_dir(root.join("tests")).unwrap() {
        let path = entry.unwrap().path();
        let program = path.file_stem().unwrap().to_str().unwrap();
        let main = path.join("main.rs");
        if path.extension().is_some_and(|extension| extension == "rs") || main.is_file() {
            let listed = format!("[[test]]\nname = \"{program}\"");
            assert!(manifests.contains(&listed), "{program} is not listed");
            programs += 1;
        }
        if !main.is_file() {
            continue;
        }
        let main = fs::read_to_string(main).unwrap();
        for file in fs::read_dir(&path).unwrap() {
            let module = file.unwrap().path();
            let module = module.file_stem().unwrap().to_str().unwrap();
            let is_listed = module == "main" || main.contains(&format!("mod {module};"));
            assert!(is_listed, "tests/{program}/{module}.rs is in no program");
        }
    }
    assert!(programs > 5);
}

const HOUSE: &str = "
## Layers

| room | job |
|---|---|
| `src/bin/zerogr/`, `benches/`, `examples/` | programs |
| `src/raw.rs` | the parts, for programs |
| `src/index/` | the face |
| `src/store/`, `src/docs/` | two rooms of one floor |
| `src/error.rs` | the ground |

## Later

| `src/not_this/` | |
";

/// A small house without faults, with one file more (or instead).
fn planted(path: &str, text: &str) -> Vec<String> {
    let house = [
        (
            "src/lib.rs",
            "mod docs; mod error; mod index; pub mod raw; mod store;
             #[cfg(test)] extern crate self as zerogr;
             pub use error::{Error, Result}; pub use index::Index;",
        ),
        ("src/raw.rs", "pub use crate::store;"),
        (
            "src/index/mod.rs",
            "mod open; mod write; pub use open::Index; use crate::docs::Document;",
        ),
        (
            "src/index/open.rs",
            "use crate::{Error, store::{self, Store}}; pub struct Index;",
        ),
        (
            "src/index/write.rs",
            "use super::Index; fn f(x: &super::open::Index) {}",
        ),
        ("src/store/mod.rs", "mod file; mod lock; pub struct Store;"),
        ("src/store/file.rs", "use super::lock::Lock;"),
        ("src/store/lock/mod.rs", "use crate::error::Error;"),
        (
            "src/docs/mod.rs",
            "pub struct Document; fn f() -> crate::Result<()> {}",
        ),
        ("src/error.rs", "pub struct Error; pub type Result<T> = T;"),
        (
            "src/bin/zerogr/main.rs",
            "use zerogr::{Index, raw::store::Store}; mod out;",
        ),
        ("src/bin/zerogr/out.rs", "use crate::main;"),
        ("benches/search.rs", "use zerogr::Index;"),
        ("examples/quickstart.rs", "use zerogr::Index;"),
    ];
    let mut files: Files = house
        .iter()
        .map(|(path, text)| (path.to_string(), text.to_string()))
        .filter(|(own, _)| own != path)
        .collect();
    if !path.is_empty() {
        files.push((path.to_string(), text.to_string()));
    }
    house::faults(&Table::read(HOUSE), &files)
}

fn has_fault(path: &str, text: &str, about: &str) {
    let faults = planted(path, text);
    let named = faults.iter().all(|fault| fault.contains(about));
    assert!(named && !faults.is_empty(), "{path}: {text}: {faults:?}");
}

fn has_none(path: &str, text: &str) {
    assert_eq!(planted(path, text), [""; 0], "{path}: {text}");
}

#[test]
fn the_small_house_has_no_fault() {
    has_none("", "");
}

#[test]
fn arrows_that_point_up_are_found_however_they_are_written() {
    let up = "points up, from src/store/ to src/index/";
    for text in [
        "use crate::index::Index;",
        "pub(crate) use crate::index::{self};",
        "use crate::{error::Error, index::open::{Index, Other}};",
        "use crate::{\n    // why\n    error::Error,\n    index,\n};",
        "use super::super::index::Index;",
        "use crate::Index;",
        "fn f() { use crate::index::Index as I; }",
        "fn f() -> Vec<crate::index::Index> {}",
        "fn f() { super::super::index::open(); }",
        "mod inner { use super::super::super::index::Index; }",
        "macro_rules! m { () => { $crate::index::open() } }",
        "#[cfg(not(test))] use crate::index::Index;",
        "#[cfg(any(test, windows))] use crate::index::Index;",
        "#[cfg(test)] const A: u8 = b'{'; use crate::index::Index;",
        "#[cfg(test)] use std::{fs, io}; use crate::index::Index;",
        "#[cfg(test)] mod tests {} const Q: char = '\"'; fn f<'a>(x: &'a crate::index::Index) {}",
        "struct S { #[cfg(test)] n: u8, x: crate::index::Index }",
        "const S: &str = r#\"\"#; use crate::index::Index;",
    ] {
        has_fault("src/store/planted.rs", text, up);
    }
}

#[test]
fn what_is_no_code_of_the_library_does_not_count() {
    for text in [
        "// use crate::index::Index;",
        "/* use crate::index::Index; /* */ crate::index::x() */",
        "//! [`crate::index::Index`]\n\n/// ```\n/// use crate::index::Index;\n/// ```\nfn f() {}",
        "const S: &str = \"crate::index::open() \\\" crate::index::x()\";",
        "const S: &str = r#\"use crate::index::Index; \" \"#;",
        "#[cfg(test)]\nmod tests {\n    use crate::index::Index;\n    fn f() {}\n}",
        "#[cfg(all(test, unix))] mod tests { use crate::index::Index; }",
        "#[cfg(test)] use crate::index::Index;",
        "#[cfg(test)] fn f(x: [u8; 2]) -> crate::index::Index { g(crate::index::h()) }",
        "#[test] fn f() { crate::index::open(); }",
        "use index::Index;",
        "use ::index::Index;",
        "use std::io::{self, Read};",
    ] {
        has_none("src/store/planted.rs", text);
    }
}

#[test]
fn files_of_tests_do_not_count() {
    let faults = |declaration: &str, file: &str| {
        let files = [
            ("src/store/mod.rs", declaration),
            (file, "use crate::index::Index;"),
            ("src/lib.rs", ""),
            ("src/index/mod.rs", ""),
        ];
        let files = files.map(|(path, text)| (path.to_string(), text.to_string()));
        let page = "\n## Layers\n| `bin/` |\n| `src/index/` |\n| `src/store/` |\n";
        let mut faults = house::faults(&Table::read(page), &files.into());
        faults.retain(|fault| !fault.contains("bin/"));
        faults.len()
    };
    assert_eq!(faults("#[cfg(test)] mod tests;", "src/store/tests.rs"), 0);
    assert_eq!(
        faults("#[cfg(test)] mod tests;", "src/store/tests/deep.rs"),
        0
    );
    assert_eq!(
        faults(
            "#[cfg(test)]\n#[path = \"a_tests.rs\"]\nmod tests;",
            "src/store/a_tests.rs"
        ),
        0
    );
    assert_eq!(faults("mod tests;", "src/store/tests.rs"), 1);
    assert_eq!(
        faults("#[cfg(test)] mod tests;", "src/store/tests_of_what.rs"),
        1
    );
}

#[test]
fn rooms_of_one_floor_do_not_know_each_other() {
    let about = "points to its own floor, from src/store/ to src/docs/";
    has_fault("src/store/planted.rs", "use crate::docs::Document;", about);
}

#[test]
fn the_table_and_the_folders_are_the_same() {
    has_fault("src/attic/mod.rs", "", "the table does not name src/attic/");
    has_fault("src/attic.rs", "", "the table does not name src/attic.rs");
    let page = HOUSE.replace("`src/error.rs`", "`src/error.rs`, `src/gone/`");
    let files = [("src/lib.rs", ""), ("src/error.rs", "")];
    let files = files.map(|(path, text)| (path.to_string(), text.to_string()));
    let faults = house::faults(&Table::read(&page), &files.into());
    let about = "the table names src/gone/, which does not exist";
    assert!(faults.iter().any(|fault| fault == about), "{faults:?}");
}

fn circles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let files = files
        .iter()
        .map(|(path, text)| (path.to_string(), text.to_string()));
    let modules = Modules::new("src/", &files.collect::<Files>());
    let circles = house::circles(&modules).into_iter();
    circles.map(|circle| circle.nodes).collect()
}

#[test]
fn folders_that_form_a_circle_are_found() {
    let lock = |text| {
        let file = ("src/store/file.rs", "use super::lock::Lock;");
        circles(&[
            ("src/store/mod.rs", "mod file; mod lock;"),
            file,
            ("src/store/lock/mod.rs", "mod deep;"),
            ("src/store/lock/deep.rs", text),
        ])
    };
    let circle = [["src/store/file.rs", "src/store/lock/"]];
    assert_eq!(lock("use crate::store::file::File;"), circle);
    assert_eq!(lock("use super::super::file::File;"), circle);
    assert!(lock("#[cfg(test)] use super::super::file::File;").is_empty());
    assert!(lock("use super::other::Other;").is_empty());
    let rooms = [
        ("src/a/mod.rs", "mod b;"),
        ("src/a/b.rs", "use crate::c::C;"),
        ("src/c/mod.rs", "use crate::a::b::B;"),
    ];
    assert_eq!(circles(&rooms), [["src/a/", "src/c/"]]);
}

#[test]
fn files_that_form_a_circle_are_found_behind_what_is_handed_on() {
    let head = ("src/a/mod.rs", "mod b; mod c; pub use b::B; use c::C;");
    let circle = [["src/a/b.rs", "src/a/c.rs"]];
    let (b, c) = (("src/a/b.rs", "use super::c::C;"), "src/a/c.rs");
    assert_eq!(circles(&[head, b, (c, "use super::B;")]), circle);
    assert_eq!(circles(&[head, b, (c, "use crate::a::{B};")]), circle);
    assert_eq!(
        circles(&[head, b, (c, "fn f() { super::B::new() }")]),
        circle
    );
    assert!(circles(&[head, b, (c, "use std::fs;")]).is_empty());
    // What the head of the folder has itself is no handing on.
    let circle = [["src/a/c.rs", "src/a/mod.rs"]];
    assert_eq!(circles(&[head, (c, "use super::Own;")]), circle);
}

#[test]
fn programs_see_the_public_face_only() {
    let about = "`zerogr::store::Store` is not of the public face";
    for program in [
        "src/bin/zerogr/planted.rs",
        "benches/planted.rs",
        "examples/planted.rs",
    ] {
        has_fault(program, "use zerogr::store::Store;", about);
        has_fault(program, "fn f(x: zerogr::store::Store) {}", about);
    }
    let about = "`zerogr::raw::store::Store`";
    has_fault(
        "examples/planted.rs",
        "use zerogr::raw::store::Store;",
        about,
    );
    let text = "#[path = \"../src/store/file.rs\"] mod file;";
    has_fault(
        "benches/planted.rs",
        text,
        "takes ../src/store/file.rs for itself",
    );
}
