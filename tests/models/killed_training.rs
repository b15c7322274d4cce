//! A training whose process is killed, again and again, comes to the adapter of one that was not.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use zerogr::{Document, Index, OpenOptions};

use super::index_language_model::{model, options};
use crate::support::installed::zerogr;

const KILLS: u32 = 20;

/// Begins to train the language model of `index`; about 600 steps, with a checkpoint every 20.
fn training(index: &Path) -> Child {
    zerogr()
        .args(["train", "--retriever", "lm", "--layers", "2", "--rank", "4"])
        .args(["--epochs", "80", "--pseudo-queries", "12", "--threads", "1"])
        .arg(index)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn adapter(index: &Path) -> Vec<u8> {
    let index = Index::open_with(index, OpenOptions::new()).unwrap();
    let adapter = index.snapshot().adapter().unwrap();
    adapter.map(|adapter| adapter.to_bytes()).unwrap()
}

/// Waits for another checkpoint than `last`; gives up when the process has ended.
fn next_checkpoint(path: &Path, last: &[u8], child: &mut Child) -> Option<Vec<u8>> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(120) {
        if let Ok(bytes) = std::fs::read(path)
            && !bytes.is_empty()
            && bytes != last
        {
            return Some(bytes);
        }
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("no checkpoint came");
}

#[test]
fn a_training_that_is_killed_twenty_times_ends_with_the_same_adapter() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), 1);
    let [whole, killed] = ["whole", "killed"].map(|name| folder.path().join(name));
    let index = Index::create(&whole, options(&model)).unwrap();
    let mut writer = index.writer().unwrap();
    for number in 0..12 {
        let words = ["wing", "heat", "yeast", "sleep"][number % 4];
        let text = format!("{words} flutters {number} times in cold rivers of {words}");
        writer
            .add(Document::new(number.to_string()).text(text))
            .unwrap();
    }
    writer.commit().unwrap();
    drop((writer, index));
    std::fs::copy(&whole, &killed).unwrap();
    assert!(training(&whole).wait().unwrap().success());

    let checkpoint = PathBuf::from(format!("{}.training", killed.display()));
    let mut last = Vec::new();
    let before = std::fs::read(&killed).unwrap();
    for kill in 0..KILLS {
        let mut child = training(&killed);
        let found = next_checkpoint(&checkpoint, &last, &mut child);
        last = found.expect("the training ended before it was killed often enough");
        std::thread::sleep(Duration::from_millis(u64::from(kill)));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(
            std::fs::read(&killed).unwrap() == before,
            "the index was changed"
        );
    }
    assert!(training(&killed).wait().unwrap().success());
    assert!(!checkpoint.exists());
    assert!(
        adapter(&killed) == adapter(&whole),
        "it came to another adapter"
    );
}
