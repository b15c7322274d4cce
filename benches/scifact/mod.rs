//! The SciFact index that benches search: built once and kept below the target folder;
//! `ZEROGR_BENCH_REBUILD=1` builds it anew.

#![allow(dead_code, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use zerogr::raw::docs::{DocumentReader, ReadOptions};
use zerogr::raw::eval::Collection;
use zerogr::{Index, IndexOptions, OpenOptions, TrainOptions};

/// The collection.
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/scifact")
}

/// The index, built when it is not there.
pub fn index_path() -> PathBuf {
    let name = format!("scifact-{}.zgr", env!("CARGO_PKG_VERSION"));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if std::env::var_os("ZEROGR_BENCH_REBUILD").is_some() {
        let _ = std::fs::remove_file(&path);
    }
    if !path.exists() {
        println!("building the SciFact index, once");
        let building = path.with_extension("building");
        let _ = std::fs::remove_file(&building);
        let index = Index::create(&building, IndexOptions::default().file_seed(1)).unwrap();
        let mut writer = index.writer().unwrap();
        let corpus = [data().join("corpus.jsonl.gz")];
        for document in DocumentReader::open(&corpus, &ReadOptions::default()).unwrap() {
            writer.add(document.unwrap()).unwrap();
        }
        let train = TrainOptions::default().seed(1);
        writer.commit_with(Some(&train), &mut |_| {}).unwrap();
        std::fs::rename(&building, &path).unwrap();
    }
    path
}

/// Opens `path` mapped.
#[allow(unsafe_code)]
pub fn mapped(path: &Path) -> Index {
    // SAFETY: nobody changes the file while the bench runs.
    unsafe { Index::open_mmap(path, OpenOptions::new()) }.unwrap()
}

/// The texts of the test queries.
pub fn queries() -> Vec<String> {
    let queries = Collection::open(&data(), "test").unwrap().queries;
    queries.into_iter().map(|query| query.text).collect()
}
