//! The README's program is the example `quickstart`, and it runs.

/// The program itself, to be run in this process.
mod quickstart {
    include!("../../examples/quickstart.rs");

    pub fn run() -> zerogr::Result<()> {
        main()
    }
}

use crate::support::installed;
use crate::support::process::alone;
use crate::support::repository::repository;
use zerogr::{Index, SearchOptions};

#[test]
fn the_program_of_the_readme_runs() {
    let readme = std::fs::read_to_string(repository("README.md")).unwrap();
    let shown = readme.split_once("```rust\n").unwrap().1;
    let shown = shown.split_once("```").unwrap().0;
    assert_eq!(shown, include_str!("../../examples/quickstart.rs"));

    installed::setup();
    alone(
        concat!(module_path!(), "::the_program_of_the_readme_runs"),
        run_in_a_folder,
    );
}

/// Alone in its process, whose working folder it changes.
fn run_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::env::set_current_dir(folder.path()).unwrap();
    quickstart::run().unwrap();

    let index = Index::open("papers.zgr").unwrap();
    assert!(index.snapshot().params().training.is_some());
    let result = index.search("why do wings shake?", &SearchOptions::new());
    assert_eq!(result.unwrap().hits[0].id, "doc-1");
    // Leave before the folder goes.
    std::env::set_current_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
}
