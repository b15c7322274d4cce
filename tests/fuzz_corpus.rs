//! Replays the inputs of the fuzz targets (`fuzz/`): those committed, which have reached
//! something new or found a bug, and those the targets start from.
//!
//! ```text
//! ZEROGR_WRITE_SEEDS=1 cargo test --test fuzz_corpus     writes fuzz/corpus/TARGET/seed-*
//! ```

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../fuzz/bodies/mod.rs"]
mod bodies;
mod hashing;

use std::path::Path;

fn corpus(target: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target)
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
        seeds.iter().for_each(|seed| (target.run)(seed));
        let mut count = 0;
        for file in std::fs::read_dir(corpus(target.name)).unwrap() {
            let path = file.unwrap().path();
            println!("{}", path.display());
            (target.run)(&std::fs::read(path).unwrap());
            count += 1;
        }
        assert!(count >= 4, "{} has {count} inputs", target.name);
    }
}
