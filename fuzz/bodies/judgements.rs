//! Judgements and clicks of a stranger: refused with the file's name, or queries with documents and
//! finite weights, the same each time.
//!
//! Input: which file of which layout it is (first byte), and the file.

use std::fs;

use zerogr::{ErrorKind, JudgedQueries};

/// A way in which judgements lie in a folder.
struct Layout {
    /// The file that is the input's.
    name: &'static str,
    /// Another one: its name and text.
    beside: Option<(&'static str, &'static str)>,
    /// What is read, in the folder.
    read: &'static str,
}

const LAYOUTS: [Layout; 6] = [
    layout("clicks.jsonl", None, "clicks.jsonl"),
    layout("clicks.tsv", None, "clicks.tsv"),
    layout("qrels/train.tsv", Some(("queries.jsonl", QUERIES)), ""),
    layout("trec.txt", Some(("queries.jsonl", QUERIES)), "trec.txt"),
    layout("queries.jsonl", Some(("qrels/train.tsv", QRELS)), ""),
    layout("queries.jsonl.gz", Some(("qrels/train.tsv", QRELS)), ""),
];

const fn layout(
    name: &'static str,
    beside: Option<(&'static str, &'static str)>,
    read: &'static str,
) -> Layout {
    Layout { name, beside, read }
}

const QUERIES: &str =
    "{\"_id\": \"a\", \"text\": \"heat shields\"}\n{\"_id\": \"b\", \"text\": \"wings\"}\n";
const QRELS: &str = "query-id\tcorpus-id\tscore\na\td1\t2\na\td 2\t0\nb\td1\t1\n";

pub fn run(data: &[u8]) {
    let Some((&layout, content)) = data.split_first() else {
        return;
    };
    let layout = &LAYOUTS[usize::from(layout) % LAYOUTS.len()];
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("qrels")).unwrap();
    if let Some((name, text)) = layout.beside {
        fs::write(dir.path().join(name), text).unwrap();
    }
    fs::write(dir.path().join(layout.name), content).unwrap();
    let path = dir.path().join(layout.read);
    match JudgedQueries::read(&path, "train") {
        Ok(judged) => {
            for (query, judgements) in judged.iter() {
                assert!(!query.is_empty() && query.trim() == query);
                assert!(!judgements.is_empty());
                assert!(judgements.keys().all(|id| !id.is_empty()));
                assert!(judgements.values().all(|weight| weight.is_finite()));
            }
            assert_eq!(JudgedQueries::read(&path, "train").unwrap(), judged);
        }
        Err(error) => {
            assert!(matches!(
                error.kind(),
                ErrorKind::InvalidInput | ErrorKind::Limit | ErrorKind::Io
            ));
            let message = error.to_string();
            assert!(message.len() < 1000, "{message}");
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let clicks = "{\"query\": \"wings\", \"id\": \"d1\"}\n\n{\"text\": \"wings\", \"_id\": 7, \"clicks\": 2}\n";
    let cells = "query\tid\tclicks\nwings\td1\t1\nwings\td 2\nheat\td1\t-1e3\n";
    let labels =
        "{\"qid\": 1, \"query\": \"wings\", \"labels\": [{\"id\": \"d1\", \"score\": 1}]}\n";
    let texts: [(u8, &str); 22] = [
        (0, clicks),
        (0, ""),
        (
            0,
            "{\"query\": \"wings\", \"id\": \"d1\", \"weight\": 1e400}\n",
        ),
        (
            0,
            "{\"query\": \"wings\", \"id\": \"d1\", \"weight\": null}\n",
        ),
        (0, "{\"query\": \"wings\", \"id\": [\"d1\"]}\n"),
        (
            0,
            "{\"query\": \"w\", \"id\": \"d\", \"score\": 1.7e308}\n{\"query\": \"w\", \"id\": \"d\", \"score\": 1.7e308}\n",
        ),
        (0, "{\"query\": \"\\ud800\", \"id\": \"d\"}"),
        (0, "{\"query\": \" \", \"id\": \"d\"}\n"),
        (1, cells),
        (1, "wings\td1\tNaN\n"),
        (1, "wings\t\t1\n"),
        (1, "wings\td1\t1\t2\n"),
        (1, "query\tid\tweight\n"),
        (2, QRELS),
        (2, "a d1 1\n"),
        (2, "query-id\tcorpus-id\tscore\nz\td1\t1\n"),
        (3, "a 0 d1 2\nb 0 d1 1\n"),
        (3, "a 0 d1 inf\n"),
        (4, QUERIES),
        (4, labels),
        (
            4,
            "{\"_id\": \"a\", \"text\": \"\"}\n{\"_id\": \"a\", \"text\": \"x\"}\n",
        ),
        (5, "\u{1f}\u{8b}"),
    ];
    let of_text = |(layout, text): (u8, &str)| [&[layout], text.as_bytes()].concat();
    let others = [
        b"\x01\xff\xfe\td\n".to_vec(),
        b"\x00\xef\xbb\xbf{}".to_vec(),
    ];
    texts.into_iter().map(of_text).chain(others).collect()
}
