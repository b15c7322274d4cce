//! Documents as lines of JSON: what is read can be stored, is what is stored, and is what its own
//! line says; columns of its fields are made, and a merge of them alone is the same.

use std::io::Cursor;
use std::sync::Arc;

use zerogr::raw::columns::MemorySections;
use zerogr::raw::docs::{
    DocumentReader, DocumentTable, DocumentTableBuilder, OnDuplicate, ReadOptions,
};
use zerogr::raw::store::MemoryBackend;
use zerogr::{Document, Index, IndexOptions, Result};

fn read(bytes: &[u8]) -> (Vec<Document>, u64) {
    let options = ReadOptions {
        skip_bad_lines: true,
        on_duplicate: OnDuplicate::First,
        ..ReadOptions::default()
    };
    let mut reader =
        DocumentReader::from_reader("fuzz", Cursor::new(bytes.to_vec()), &options).unwrap();
    let documents = reader.by_ref().collect::<Result<_>>();
    (documents.unwrap(), reader.skipped().count)
}

pub fn run(data: &[u8]) {
    if data.starts_with(b"\x1f\x8b") {
        return;
    }
    let (documents, _) = read(data);
    let backend = Arc::new(MemoryBackend::new(Vec::new()));
    let index = Index::create_on(backend, IndexOptions::lexical()).unwrap();
    let mut check = index.document_check().fields_lenient(true);
    for document in &documents {
        let bare = Document {
            docids: Vec::new(),
            ..document.clone()
        };
        check.check(&bare).unwrap();
    }
    let mut builder = DocumentTableBuilder::with_fields(check.types());
    for document in &documents {
        document.check().unwrap();
        builder.push(document).unwrap();
    }
    let sections = builder.finish().unwrap();
    let body = MemorySections::new(&sections).unwrap();
    let table = DocumentTable::open(&body, documents.len()).unwrap();
    let mut merged = DocumentTableBuilder::default();
    merged.push_table(&table, |_| true).unwrap();
    for (again, first) in merged.finish().unwrap().iter().zip(&sections) {
        assert_eq!((again.kind, &again.bytes), (first.kind, &first.bytes));
    }
    let mut lines = String::new();
    for (ordinal, document) in (0..).zip(&documents) {
        let mut stored = table.document(ordinal).unwrap();
        // Those are in the trie.
        stored.docids = document.docids.clone();
        assert_eq!(stored, *document);
        let line = document.to_json_line();
        assert_eq!(Document::from_json_line(&line).unwrap(), *document);
        lines += &line;
        lines.push('\n');
    }
    assert_eq!(read(lines.as_bytes()), (documents, 0));
}

pub fn seeds() -> Vec<Vec<u8>> {
    let nested = |depth: usize| {
        let deep = "[".repeat(depth) + &"]".repeat(depth);
        format!("{{\"_id\":\"n\",\"deep\":{deep}}}\n")
    };
    let lines = [
        "{\"_id\": \"a\", \"title\": \"T\", \"text\": \"x\", \"docid\": [\"one two\"], \"tags\": \"p\"}\n",
        "{\"id\": 17, \"doc\": \"body\", \"title\": null}\n{\"id\": \"17\", \"text\": \"again\"}\n",
        "\u{feff}{\"_id\": null, \"id\": \"x\", \"text\": null, \"contents\": \"c\"}\r\n\u{feff}{\"_id\": \"y\"}",
        "{\"_id\":\"f\",\"z\":123456789012345678901234567890,\"a\":1e400,\"m\":-0,\"one\":1.0,\"t\":0.1000}\n",
        "{\"_id\":\"s\",\"e\":\"\\u00e9\\ud83d\\ude00\\/\\\\\\\"\",\"o\":{\"b\":[1,{}],\"a\":null}}\n",
        "{\"_id\":\"h\",\"f\":\"\\ud800\"}\n{\"_id\":\"k\",\"f\":{\"a\":1,\"\\u0061\":2}}\n",
        "{\"_id\":\"w\" , \"f\" : [ 1 ,\t\"a b\" ] }\n{\"_id\":\"d\",\"_id\":\"e\"}\n",
        "{\"_id\":\"a\",\"metadata\":{\"n\":1,\"x\":1.5,\"b\":true,\"k\":[\"p\",\"q\",\"p\"],\"t\":\"2024-02-29T00:00:00Z\"}}\n\
         {\"_id\":\"b\",\"metadata\":{\"n\":1.5,\"x\":1,\"b\":null,\"k\":[],\"t\":\"2023-02-29T00:00:00Z\",\"a\":{\"b\":{\"c\":0}}}}\n",
        "{\"_id\":\"a\",\"metadata\":{}}\n{\"_id\":\"b\",\"metadata\":7}\n{\"_id\":\"c\",\"metadata\":{\"\":1,\"a.b\":1,\"a\":{\"b\":2},\"l\":[[1]]}}\n",
        "[\n{\"_id\": \"a\"},\n{\"_id\": \"b\"}\n]\n",
        "{\n  \"_id\": \"a\"\n}\n",
        "\n\n  \nnonsense\n{}\n7\n\"text\"\nnull\n{\"_id\":1.5}\n{\"_id\":-3}\n",
    ];
    let deep = [64, 65, 126, 5000].map(nested);
    lines
        .into_iter()
        .map(str::to_owned)
        .chain(deep)
        .map(String::into_bytes)
        .collect()
}
