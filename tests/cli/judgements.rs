//! `train --judgements` and `--forget`.

use serde_json::{Value, json};

use crate::support::command::{DOCUMENTS, Folder, corpus};

/// What a document is called by those who ask for it.
const NAMES: [&str; 12] = [
    "Kestrel", "Lambert", "Orchid", "Granite", "Velvet", "Marigold", "Bishop", "Copper", "Juniper",
    "Falcon", "Tundra", "Saffron",
];

#[test]
fn judgements_are_learnt_shown_and_forgotten() {
    let folder = Folder::new();
    folder.write("corpus.jsonl", corpus());
    folder.ok(&["build", "corpus.jsonl", "-o", "a.zgr", "--seed", "7"]);
    // Names that no document has, in many ways of asking.
    let ways = [
        "what is NAME",
        "find NAME please",
        "NAME explained",
        "about NAME",
        "NAME?",
    ];
    let mut clicks = String::from("query\tid\tweight\n");
    for (number, (id, _, _)) in DOCUMENTS.iter().enumerate() {
        let name = NAMES[number];
        for way in ways {
            clicks += &format!("{}\t{id}\t1\n", way.replace("NAME", name));
        }
    }
    clicks += "what is this\tgone\t1\n";
    folder.write("clicks.tsv", &clicks);
    let report: Value = folder.json(&["train", "a.zgr", "--judgements", "clicks.tsv", "--json"]);
    assert_eq!(report["queries"], 60);
    assert_eq!(
        (&report["unknown_ids"], &report["queries_left_out"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(report["parts"][0]["kept"], true, "{report}");
    let info = folder.ok(&["info", "a.zgr"]);
    assert!(info.contains("learnt from 60 queries"), "{info}");
    assert!(info.contains("map of queries: held-out nDCG@10"), "{info}");

    let forgot = folder.ok(&["train", "a.zgr", "--forget"]);
    assert!(forgot.contains("forgot"), "{forgot}");
    assert!(!folder.ok(&["info", "a.zgr"]).contains("learnt from"));
    let nothing = folder.ok(&["train", "a.zgr", "--forget"]);
    assert!(nothing.contains("nothing to forget"), "{nothing}");
}

#[test]
fn bad_judgements_are_refused_by_their_line() {
    let folder = Folder::new();
    folder.write("corpus.jsonl", corpus());
    folder.ok(&["build", "corpus.jsonl", "-o", "a.zgr", "--no-train"]);
    folder.write("clicks.tsv", "wings\twing\t1\nwings\twing\tmany\n");
    let refused = folder.fails(&["train", "a.zgr", "--judgements", "clicks.tsv"]);
    assert!(
        refused.contains("clicks.tsv:2: the weight \"many\""),
        "{refused}"
    );
    folder.write("clicks.tsv", "wings\tgone\t1\n");
    let refused = folder.fails(&["train", "a.zgr", "--judgements", "clicks.tsv"]);
    assert!(refused.contains("nothing to learn from"), "{refused}");
}
