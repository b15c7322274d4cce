//! `zerogr sync`: an index in step with a folder.

use crate::support::command::Folder;
use crate::support::installed::stderr;
use serde_json::Value;
use zerogr::{Filter, Index, ListOptions};

fn ids(folder: &Folder) -> Vec<String> {
    let index = Index::open(folder.path("a.zgr")).unwrap();
    let mut ids: Vec<String> = index.snapshot().ids().map(str::to_owned).collect();
    ids.sort();
    ids
}

fn generation(folder: &Folder) -> u64 {
    let index = Index::open(folder.path("a.zgr")).unwrap();
    index.snapshot().generation()
}

/// Runs it, and gives the files added, updated, removed, unchanged and the reasons of those skipped.
fn sync(folder: &Folder, more: &[&str]) -> ([u64; 4], Vec<String>) {
    let args = [&["sync", "notes", "a.zgr", "--json"], more].concat();
    let said = folder.json(&args);
    let counts = ["added", "updated", "removed", "unchanged"];
    let skipped = said["skipped"].as_array().unwrap().iter();
    let skipped = skipped.map(|why| why.as_str().unwrap().to_owned());
    (
        counts.map(|name| said[name].as_u64().unwrap()),
        skipped.collect(),
    )
}

#[test]
fn every_change_of_a_folder_arrives_in_one_commit() {
    let folder = Folder::new();
    folder.write("notes/a.md", "# Wings\n\nThey vibrate.");
    folder.write("notes/deep/b.txt", "Heat goes into a plate.");
    folder.write("notes/table.csv", "id,text\nx,first\ny,second\n");
    assert_eq!(sync(&folder, &["--lexical"]), ([3, 0, 0, 0], vec![]));
    assert_eq!(ids(&folder), ["a.md", "deep/b.txt", "x", "y"]);

    // Nothing has changed: nothing is written.
    let before = generation(&folder);
    assert_eq!(sync(&folder, &[]), ([0, 0, 0, 3], vec![]));
    assert_eq!(generation(&folder), before);

    // Changed, new, gone, renamed, a row less and one more, written again as it was.
    folder.write("notes/a.md", "# Wings\n\nThey flutter in the wind.");
    folder.write("notes/new.html", "<title>New</title><p>Yeast");
    std::fs::rename(folder.path("notes/deep/b.txt"), folder.path("notes/c.txt")).unwrap();
    folder.write("notes/table.csv", "id,text\ny,second\nz,third and more\n");
    assert_eq!(sync(&folder, &[]), ([2, 2, 1, 0], vec![]));
    assert_eq!(ids(&folder), ["a.md", "c.txt", "new.html", "y", "z"]);
    assert_eq!(generation(&folder), before + 1);
    let index = Index::open(folder.path("a.zgr")).unwrap();
    let changed = index.snapshot().document("a.md").unwrap().unwrap();
    assert!(changed.text.contains("flutter"));
    let filter: Filter = "file.path = \"table.csv\" and file.size_bytes > 3"
        .parse()
        .unwrap();
    let rows = index.snapshot().list(&ListOptions::new().filter(filter));
    assert_eq!(rows.unwrap().len(), 2);

    // The rows of a table that has another name are its own.
    std::fs::rename(
        folder.path("notes/table.csv"),
        folder.path("notes/rows.csv"),
    )
    .unwrap();
    assert_eq!(sync(&folder, &[]), ([1, 0, 1, 3], vec![]));
    assert_eq!(ids(&folder), ["a.md", "c.txt", "new.html", "y", "z"]);
}

#[test]
fn a_file_that_was_only_touched_is_not_read_again() {
    let folder = Folder::new();
    folder.write("notes/a.md", "# Wings");
    sync(&folder, &["--lexical"]);
    let before = generation(&folder);
    let file = std::fs::File::options()
        .append(true)
        .open(folder.path("notes/a.md"))
        .unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    assert_eq!(sync(&folder, &[]), ([0, 0, 0, 1], vec![]));
    assert_eq!(generation(&folder), before);
}

#[test]
fn a_file_that_grows_meanwhile_is_whole_in_the_end() {
    use std::io::Write;
    let folder = Folder::new();
    folder.write("notes/log.txt", "Log\n");
    let path = folder.path("notes/log.txt");
    let growing = std::thread::spawn(move || {
        let mut file = std::fs::File::options().append(true).open(path).unwrap();
        for number in 0..300 {
            writeln!(file, "wing number {number} vibrates").unwrap();
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    });
    while !growing.is_finished() {
        let is_new = !folder.path("a.zgr").exists();
        let (_, skipped) = sync(&folder, if is_new { &["--lexical"] } else { &[] });
        assert!(skipped.is_empty(), "{skipped:?}");
    }
    growing.join().unwrap();
    sync(&folder, &[]);
    let index = Index::open(folder.path("a.zgr")).unwrap();
    let document = index.snapshot().document("log.txt").unwrap().unwrap();
    let content = std::fs::read_to_string(folder.path("notes/log.txt")).unwrap();
    assert!(document.text == content && content.ends_with("299 vibrates\n"));
}

#[test]
fn what_cannot_be_read_is_named_and_stays() {
    let folder = Folder::new();
    folder.write("notes/a.md", "# Wings");
    folder.write("notes/b.md", "# Heat");
    sync(&folder, &["--lexical"]);
    folder.write("notes/b.md", b"# Heat \xff".as_slice());
    let (counts, skipped) = sync(&folder, &[]);
    assert_eq!(counts, [0, 0, 0, 1]);
    assert!(
        skipped[0].contains("b.md:1: not valid UTF-8"),
        "{skipped:?}"
    );
    assert_eq!(ids(&folder), ["a.md", "b.md"]);

    // So does a row that may be one of those that cannot be read; an empty table has none.
    folder.write("notes/t.csv", "id,text\nx,one\ny,two\n");
    sync(&folder, &[]);
    folder.write("notes/t.csv", "id,text\nx,changed\ny\n");
    let (_, skipped) = sync(&folder, &[]);
    assert!(
        skipped.iter().any(|why| why.contains("t.csv:3")),
        "{skipped:?}"
    );
    assert_eq!(ids(&folder), ["a.md", "b.md", "x", "y"]);
    folder.write("notes/t.csv", "id,text\n");
    assert_eq!(sync(&folder, &[]).0[1], 1);
    assert_eq!(ids(&folder), ["a.md", "b.md"]);

    // A folder without files is one that is not there; nothing is taken out.
    for name in ["a.md", "b.md", "t.csv"] {
        std::fs::remove_file(folder.path("notes").join(name)).unwrap();
    }
    let output = folder.run(&["sync", "notes", "a.zgr"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no files that are read"));
    assert_eq!(ids(&folder), ["a.md", "b.md"]);
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_and_out_of_the_folder_are_named() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    folder.write("notes/deep/a.md", "# Wings");
    folder.write("secret.md", "# Secret");
    symlink("..", folder.path("notes/deep/up")).unwrap();
    symlink(folder.path("secret.md"), folder.path("notes/out.md")).unwrap();
    let (counts, skipped) = sync(&folder, &["--lexical"]);
    assert_eq!((counts, skipped.len()), ([1, 0, 0, 0], 2));
    assert!(
        skipped
            .iter()
            .any(|why| why.contains("leads out of the folder"))
    );
    assert!(skipped.iter().any(|why| why.contains("is not followed")));
    assert_eq!(ids(&folder), ["deep/a.md"]);
}

#[test]
fn documents_from_elsewhere_are_left_alone() {
    let folder = Folder::new();
    folder.write(
        "corpus.jsonl",
        "{\"_id\": \"a.md\", \"text\": \"another\"}\n{\"_id\": \"q\"}\n",
    );
    folder.ok(&["build", "corpus.jsonl", "-o", "a.zgr", "--lexical"]);
    folder.write("notes/a.md", "# Wings");
    folder.write("notes/b.md", "# Heat");
    let (counts, skipped) = sync(&folder, &[]);
    assert_eq!(counts, [1, 0, 0, 0]);
    assert!(skipped[0].contains("not of this file"), "{skipped:?}");
    assert_eq!(ids(&folder), ["a.md", "b.md", "q"]);

    // Another folder with the same files is not this one, unless it is called like it.
    let named: Value = folder.json(&["sync", "notes", "a.zgr", "--name", "other", "--json"]);
    assert_eq!(
        (named["added"].as_u64(), named["removed"].as_u64()),
        (Some(0), Some(0))
    );
    assert_eq!(named["skipped"].as_array().unwrap().len(), 2);
}

#[test]
fn an_index_of_nothing_is_not_made() {
    let folder = Folder::new();
    folder.write("notes/a.md", b"\xff".as_slice());
    let output = folder.run(&["sync", "notes", "a.zgr", "--lexical"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no index was made"),
        "{}",
        stderr(&output)
    );
    assert!(!folder.path("a.zgr").exists());
}
