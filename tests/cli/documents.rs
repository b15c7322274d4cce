//! Documents and files over time: update, delete, filter, merge, vacuum, copy, recover.

use crate::support::command::{DOCUMENTS, Folder, corpus};
use crate::support::numbered;
use serde_json::json;

/// `a.zgr` of the dozen documents, the first half tagged "early", untrained.
fn built() -> Folder {
    let folder = Folder::new();
    let lines = corpus();
    let tagged = lines.lines().enumerate().map(|(number, line)| {
        let tag = if number < 6 { "early" } else { "late" };
        line.replacen('{', &format!("{{\"tags\": [\"{tag}\", \"all\"], "), 1) + "\n"
    });
    folder.write("corpus.jsonl", tagged.collect::<String>());
    folder.ok(&["build", "corpus.jsonl", "-o", "a.zgr", "--no-train"]);
    folder
}

#[test]
fn what_list_prints_build_reads() {
    let folder = built();
    let listed = folder.ok(&["list", "a.zgr", "--json"]);
    assert_eq!(listed.lines().count(), DOCUMENTS.len());
    folder.write("again.jsonl", &listed);
    folder.ok(&["build", "again.jsonl", "-o", "again.zgr", "--no-train"]);
    assert_eq!(folder.ok(&["list", "again.zgr", "--json"]), listed);
    assert!(
        folder
            .ok(&["list", "a.zgr"])
            .starts_with("wing\tWing flutter\n")
    );
    assert!(
        folder
            .ok(&["get", "a.zgr", "fish"])
            .contains("Salmon swim up the river")
    );
}

#[test]
fn a_search_can_be_kept_to_tags() {
    let folder = built();
    let args = [
        "search",
        "a.zgr",
        "salmon in the river",
        "-k",
        "20",
        "--json",
    ];
    for (filter, count) in [
        (&["--filter-tag", "early"][..], 6),
        (&["--filter-tag", "all", "--filter-not-tag", "early"], 6),
        (&["--filter-tag", "early", "--filter-tag", "late"], 0),
        (&["--filter-not-tag", "unknown"], 12),
    ] {
        let hits = folder.json(&[&args[..], filter].concat());
        assert_eq!(hits.as_array().unwrap().len(), count, "{filter:?}");
    }
}

#[test]
fn documents_are_replaced_deleted_merged_vacuumed_and_copied() {
    let folder = built();
    folder.write(
        "new.jsonl",
        r#"{"_id": "fish", "text": "Penguins of the antarctic."}"#,
    );
    let added = folder.json(&["add", "a.zgr", "new.jsonl", "--json"]);
    assert_eq!(added["commit"]["replaced"], 1);
    let document = folder.json(&["get", "a.zgr", "fish", "--json"]);
    assert_eq!(document["text"], "Penguins of the antarctic.");
    let deleted = folder.json(&["delete", "a.zgr", "wing", "nobody", "--json"]);
    assert_eq!(
        (&deleted["deleted"], &deleted["unknown"]),
        (&json!(1), &json!(["nobody"]))
    );
    assert!(folder.fails(&["get", "a.zgr", "wing"]).contains("wing"));

    // Dead documents count as dead, and the copy that a vacuum makes has none.
    let before = folder.json(&["info", "a.zgr", "--json"]);
    assert_eq!(before["dead"]["documents"], 2);
    assert!(before["vacuum_bytes"].as_u64() > before["space"]["dead_bytes"].as_u64());
    let text = folder.ok(&["info", "a.zgr"]);
    assert!(
        text.contains("deleted and still there: documents 2"),
        "{text}"
    );
    folder.json(&["vacuum", "a.zgr", "--into", "purged.zgr", "--json"]);
    let purged = folder.json(&["info", "purged.zgr", "--json"]);
    assert_eq!(
        (
            &purged["documents"],
            &purged["docids"],
            &purged["dead"]["documents"]
        ),
        (&json!(11), &before["docids"], &json!(0))
    );

    folder.json(&["merge", "a.zgr", "--json"]);
    folder.ok(&["backup", "a.zgr", "copy.zgr"]);
    let vacuumed = folder.json(&["vacuum", "a.zgr", "--json"]);
    assert!(vacuumed["after_bytes"].as_u64() < vacuumed["before_bytes"].as_u64());
    folder.json(&["vacuum", "copy.zgr", "--into", "compact.zgr", "--json"]);
    let recovered = folder.json(&["recover", "copy.zgr", "--into", "saved.zgr", "--json"]);
    assert_eq!(
        (&recovered["documents"], &recovered["lost"]),
        (&json!(11), &json!([]))
    );
    for name in ["a.zgr", "copy.zgr", "compact.zgr", "saved.zgr"] {
        let info = folder.json(&["info", name, "--json"]);
        assert_eq!(
            (&info["documents"], &info["segments"]),
            (&json!(11), &json!(1)),
            "{name}"
        );
        let check = folder.json(&["check", name, "--json"]);
        assert_eq!(
            (&check["findings"], &check["at_risk"]),
            (&json!([]), &json!([]))
        );
        assert_eq!(folder.ids(name, "antarctic penguins")[0], "fish");
    }
    assert!(
        folder
            .fails(&["backup", "a.zgr", "copy.zgr"])
            .contains("exists")
    );
}

#[test]
fn a_damaged_index_is_checked_and_what_is_left_is_saved() {
    let folder = built();
    let mut bytes = std::fs::read(folder.path("a.zgr")).unwrap();
    // Both superblocks: what is left must be searched for.
    bytes[..512].fill(0);
    bytes[4096..4608].fill(0);
    folder.write("bad.zgr", bytes);
    assert!(
        folder
            .fails(&["check", "bad.zgr"])
            .contains("no intact commit")
    );
    let recovered = folder.json(&["recover", "bad.zgr", "--into", "saved.zgr", "--json"]);
    assert_eq!(recovered["documents"], 12);
    assert_eq!(folder.ids("saved.zgr", "salmon in the river")[0], "fish");
}

#[test]
fn a_search_says_why_it_found_what_it_found() {
    let folder = built();
    let query = "salmon in the cold river";
    let args = ["search", "a.zgr", query, "--mode", "planned", "--explain"];
    let hits = folder.json(&[&args[..], &["--json"]].concat());
    let why = &hits[0]["explanation"];
    assert_eq!(hits[0]["id"], "fish");
    assert!(!why["decisions"].as_array().unwrap().is_empty());
    assert!(why["decisions"][0]["text"].is_string());
    assert!(why["planner"].as_f64().unwrap() > 0.0);
    let terms = why["matched_terms"].as_array().unwrap();
    assert!(terms.iter().any(|term| term["term"] == "salmon"));
    let shown = folder.ok(&args);
    assert!(
        shown.contains("together") && shown.contains("from the planner"),
        "{shown}"
    );
    assert!(shown.contains("words: salmon"), "{shown}");
}

#[test]
fn every_decoder_and_mode_can_be_asked_for() {
    let folder = built();
    for options in [
        &[
            "--decoder",
            "reverse-annealed",
            "--draws",
            "12",
            "--t-max",
            "2",
            "--seed",
            "3",
        ][..],
        &["--decoder", "gumbel", "--seed", "3"],
        &["--decoder", "beam", "--draws", "20"],
        &[
            "--mode",
            "planned",
            "--planner",
            "4",
            "--prior-share",
            "0.5",
        ],
        &["--mode", "lexical"],
        &["--budget-ms", "60000", "--budget-nodes", "100000"],
    ] {
        let args = ["search", "a.zgr", "salmon", "-k", "1", "--json"];
        let hits = folder.json(&[&args[..], options].concat());
        assert_eq!(hits[0]["id"], "fish", "{options:?}");
    }
    let args = [
        "search",
        "a.zgr",
        "salmon",
        "--mode",
        "generative",
        "--planner",
        "4",
    ];
    assert!(folder.fails(&args).contains("planner"));
}

/// An index that needs no encoder to be listed, of some megabytes.
#[cfg(unix)]
fn large_index(folder: &Folder, name: &str) -> zerogr::Index {
    use std::sync::Arc;
    use zerogr::{EncoderSource, Index, IndexOptions};

    let encoder = EncoderSource::Custom(Arc::new(numbered::ENCODER));
    let options = IndexOptions::with_encoder(encoder);
    let index = Index::create(folder.path(name), options).unwrap();
    let mut writer = index.writer().unwrap();
    for number in 0..20_000 {
        writer.add(numbered::document(number)).unwrap();
    }
    writer.commit().unwrap();
    index
}

#[cfg(unix)]
#[test]
fn an_index_that_is_cut_while_it_is_read_is_an_error() {
    use std::io::Read;
    use std::process::Stdio;

    let folder = Folder::new();
    drop(large_index(&folder, "a.zgr"));
    let whole = std::fs::read(folder.path("a.zgr")).unwrap();
    for access in [&[][..], &["--no-mmap"]] {
        std::fs::write(folder.path("a.zgr"), &whole).unwrap();
        let mut command = folder.command(&[&["list", "a.zgr", "--json"], access].concat());
        // What it says of documents that are gone is more than a pipe holds, too.
        let said = std::fs::File::create(folder.path("said")).unwrap();
        let mut list = command.stdout(Stdio::piped()).stderr(said).spawn().unwrap();
        // It prints more than a pipe holds, so it waits for us.
        let mut output = list.stdout.take().unwrap();
        output.read_exact(&mut [0; 1000]).unwrap();
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).open(folder.path("a.zgr"));
        file.unwrap().set_len(16_384).unwrap();
        std::io::copy(&mut output, &mut std::io::sink()).unwrap();
        let ended = list.wait_with_output().unwrap();
        let message = std::fs::read_to_string(folder.path("said")).unwrap();
        // Without a map, all that was needed may have been read before.
        let may_be_read = !access.is_empty() && ended.status.success();
        assert!(may_be_read || ended.status.code() == Some(1), "{ended:?}");
        assert!(may_be_read || message.starts_with("zerogr: "), "{message}");
        assert!(
            !access.is_empty() || message.contains("--no-mmap"),
            "{message}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_writer_waits_as_long_as_it_is_told() {
    let folder = Folder::new();
    let index = large_index(&folder, "a.zgr");
    let writer = index.writer().unwrap();
    for wait in [&[][..], &["--wait", "0.1"]] {
        let message = folder.fails(&[&["delete", "a.zgr", "document-1"], wait].concat());
        assert!(message.contains("--wait SECONDS"), "{message}");
    }
    // Long enough for whatever happens in between.
    let waiting = [
        "delete",
        "a.zgr",
        "document-1",
        "--wait",
        "300",
        "--no-mmap",
    ];
    let waiting = folder.command(&waiting).spawn().unwrap();
    drop(writer);
    assert!(waiting.wait_with_output().unwrap().status.success());
    // The lock of another process is not looked at.
    let _writer = index.writer().unwrap();
    folder.ok(&["merge", "a.zgr", "--no-lock"]);
    for bad in ["-1", "never", "1e300", "NaN"] {
        let output = folder.run(&["merge", "a.zgr", &format!("--wait={bad}")]);
        assert_eq!(output.status.code(), Some(2), "{bad}");
    }
}

#[test]
fn an_index_of_words_alone_needs_no_model() {
    let folder = Folder::new();
    folder.write("corpus.jsonl", corpus());
    folder.ok(&["build", "corpus.jsonl", "-o", "words.zgr", "--lexical"]);
    let search = ["search", "words.zgr", "salmon in the river", "--json"];
    let hits = folder.json(&search);
    assert_eq!(hits[0]["id"], "fish");
    let similarity = hits[0]["similarity"].as_f64().unwrap();
    assert!(similarity > 0.3 && similarity <= 1.0, "{similarity}");
    let none = folder.json(&[&search[..], &["--min-similarity", "0.999"]].concat());
    assert_eq!(none, json!([]));
}
