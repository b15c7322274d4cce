//! Replays the inputs of the fuzz targets (`fuzz/`): those committed, which have reached
//! something new or found a bug, and those the targets start from. A program of its own: its
//! allocator counts what the targets take, and tests beside them would count as well.
//!
//! ```text
//! ZEROGR_WRITE_SEEDS=1 cargo test --test fuzz_corpus     writes fuzz/corpus/TARGET/seed-*
//! ```
#![allow(clippy::unwrap_used)]

#[path = "../../fuzz/bodies/mod.rs"]
mod bodies;

use std::sync::Arc;

use zerogr::raw::format::ExtentKind;
use zerogr::raw::store::{MemoryBackend, Store};

fn corpus(target: &str) -> std::path::PathBuf {
    bodies::support::repository::repository("fuzz/corpus").join(target)
}

#[test]
fn every_committed_input_of_every_target_runs() {
    for target in bodies::TARGETS {
        let seeds = (target.seeds)();
        if std::env::var_os("ZEROGR_WRITE_SEEDS").is_some() {
            std::fs::create_dir_all(corpus(target.name)).unwrap();
            for (number, seed) in seeds.iter().enumerate() {
                std::fs::write(corpus(target.name).join(format!("seed-{number}")), seed).unwrap();
            }
        }
        seeds.iter().for_each(|seed| target.run(seed));
        let mut count = 0;
        for file in std::fs::read_dir(corpus(target.name)).unwrap() {
            let path = file.unwrap().path();
            println!("{}", path.display());
            target.run(&std::fs::read(path).unwrap());
            count += 1;
        }
        assert!(count >= 20, "{} has {count} inputs", target.name);
    }
}

/// Otherwise the target `open` would test checksums and nothing else.
#[test]
fn repaired_files_have_right_checksums_whatever_was_patched() {
    let (mut opened, mut sections) = (0, 0);
    for seed in bodies::open::seeds() {
        let file = bodies::open::file_of(&seed);
        let Ok(store) = Store::open_on(Arc::new(MemoryBackend::new(file))) else {
            continue;
        };
        opened += 1;
        for reference in store.manifest().extents() {
            let Ok(extent) = store.extent(&reference) else {
                continue;
            };
            for info in extent.sections().collect::<Vec<_>>() {
                sections += 1;
                let section = extent.section(info.kind);
                assert!(section.is_ok(), "{seed:?}: {section:?}");
            }
            assert_ne!(extent.kind(), ExtentKind::Manifest);
        }
    }
    assert!(
        opened > 30 && sections > 500,
        "{opened} files, {sections} sections"
    );
}
