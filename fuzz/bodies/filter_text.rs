//! Filters as text: read or refused at a character of theirs, and what is read is answered by a small
//! index or refused by the name of a field; its opposite finds the other documents.

use std::sync::LazyLock;

use zerogr::{Document, ErrorKind, Filter, Index, IndexOptions, ListOptions, Timestamp};

const DOCUMENTS: usize = 9;

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let backend = std::sync::Arc::new(zerogr::raw::store::MemoryBackend::new(Vec::new()));
    let index = Index::create_on(backend, IndexOptions::lexical()).unwrap();
    let mut writer = index.writer().unwrap();
    for number in 0..DOCUMENTS as i32 {
        let at = Timestamp::from_unix_us(i64::from(number) * 1_000_000_000_000_000).unwrap();
        let document = Document::new(format!("d{number}"))
            .text("wing")
            .tag(["a", "b"][number as usize % 2])
            .field("n", number - 4)
            .field("x", f64::from(number) / 2.0)
            .field("b", number % 3 == 0)
            .field("k", [format!("k{number}"), "all".to_owned()])
            .field("t", at);
        writer.add(document).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    index
});

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let filter = match text.parse::<Filter>() {
        Ok(filter) => filter,
        Err(error) => {
            assert!(matches!(
                error.kind(),
                ErrorKind::InvalidInput | ErrorKind::Limit
            ));
            let message = error.to_string();
            assert!(message.len() < 400, "{message}");
            if let Some((_, rest)) = message.split_once("column ") {
                let column: usize = rest.split(':').next().unwrap().parse().unwrap();
                assert!(
                    (1..=text.chars().count() + 1).contains(&column),
                    "{message}"
                );
            }
            return;
        }
    };
    let snapshot = INDEX.snapshot();
    let list = |filter| snapshot.list(&ListOptions::new().filter(filter));
    match (list(filter.clone()), list(Filter::not(filter))) {
        (Ok(found), Ok(others)) => assert_eq!(found.len() + others.len(), DOCUMENTS),
        (Err(error), _) | (_, Err(error)) => {
            assert!(matches!(
                error.kind(),
                ErrorKind::InvalidInput | ErrorKind::Limit
            ));
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "",
        "b",
        "not b",
        "n >= 0 and k in (\"k1\", 'k2') and not b",
        "n > -1 or x <= 1.5e0",
        "(n = 1 or (x < 3 and not (b)))",
        "t >= '1990-01-01' and t < \"2100-01-01T00:00:00Z\"",
        "t = '2023-02-30'",
        "k starts with \"k\"",
        "exists(n) and not exists(m)",
        "tag(\"a\", 'b') and id('d1','d2')",
        "n not in (1, 2.0, 3)",
        "`n` != 9223372036854775807",
        "n = 9223372036854775808",
        "x = 1e400",
        "k = \"\\u00e4\\ud83d\\ude00\"",
        "k = \"\\ud800\"",
        "größe = 'ä'",
        "n >= 1.5 and x > 9007199254740993",
        "true = 1",
        "n == 1 and and b",
        "n = 1) or b",
    ];
    let deep = |depth: usize| "(".repeat(depth) + "b" + &")".repeat(depth);
    let long = vec!["n = 1 or not b"; 400].join(" or ");
    let texts = texts.into_iter().map(str::to_owned);
    texts
        .chain([
            deep(64),
            deep(65),
            deep(10_000),
            long,
            "not ".repeat(5000) + "b",
        ])
        .map(String::into_bytes)
        .collect()
}
