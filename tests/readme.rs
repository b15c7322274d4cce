//! The README's program is the example `quickstart`, and it runs.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

/// The program itself, to be run in this process.
mod quickstart {
    include!("../examples/quickstart.rs");

    pub fn run() -> zerogr::Result<()> {
        main()
    }
}

use zerogr::{Index, SearchOptions};

#[test]
fn the_program_of_the_readme_runs() {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let shown = readme.split_once("```rust\n").unwrap().1;
    let shown = shown.split_once("```").unwrap().0;
    assert_eq!(shown, include_str!("../examples/quickstart.rs"));

    common::setup();
    let folder = tempfile::tempdir().unwrap();
    // The only test of this program, so nobody else relies on the working folder.
    std::env::set_current_dir(folder.path()).unwrap();
    quickstart::run().unwrap();

    let index = Index::open("papers.zgr").unwrap();
    assert!(index.snapshot().params().training.is_some());
    let result = index.search("why do wings shake?", &SearchOptions::new());
    assert_eq!(result.unwrap().hits[0].id, "doc-1");
    // Leave before the folder goes.
    std::env::set_current_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
}
