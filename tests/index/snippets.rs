//! The place of a document that answers a query.

use crate::support::encoder::HashingEncoder;
use std::sync::Arc;
use zerogr::{
    Document, EncoderSource, Index, IndexOptions, MarkKind, SearchOptions, SearchResult, Snippet,
    SnippetOptions,
};

const ENCODER: HashingEncoder = HashingEncoder::named("hashing");

fn index(folder: &tempfile::TempDir, documents: &[(&str, &str)]) -> Index {
    let options = IndexOptions::with_encoder(EncoderSource::Custom(Arc::new(ENCODER)));
    let index = Index::create(folder.path().join("a.zgr"), options).unwrap();
    let mut writer = index.writer().unwrap();
    for (id, text) in documents {
        let document = Document::new(*id).title("A title").text(*text);
        writer.add(document).unwrap();
    }
    writer.commit().unwrap();
    index
}

fn snippet(result: &SearchResult, place: usize, query: &str, max_chars: usize) -> Snippet {
    let options = SnippetOptions::new().max_chars(max_chars);
    let hit = &result.hits[place];
    result.snapshot().snippet(hit, query, &options).unwrap()
}

fn marked(snippet: &Snippet) -> Vec<&str> {
    let marked = snippet.parts().filter(|(_, kind)| kind.is_some());
    marked.map(|(part, _)| part).collect()
}

#[test]
fn the_best_place_of_a_long_text_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let filler = "Nothing to see — really. ".repeat(500);
    let text = format!("{filler}The Bridge was built by salmon. {filler}A bridge too.");
    let index = index(
        &folder,
        &[("long", &text), ("other", "A bridge."), ("third", "Else.")],
    );
    let query = "who built bridges of salmon?";
    let result = index.search(query, &SearchOptions::new()).unwrap();
    let place = result.hits.iter().position(|hit| hit.id == "long").unwrap();
    let snippet = snippet(&result, place, query, 60);
    assert!(snippet.text.contains("The Bridge was built by salmon."));
    assert_eq!(marked(&snippet), ["Bridge", "built", "salmon"]);
    assert!(snippet.marks.iter().all(|mark| mark.kind == MarkKind::Word));
    assert_eq!(snippet.text, text[snippet.bytes.clone()]);
    let chars = snippet.chars.clone();
    let by_chars: String = text.chars().skip(chars.start).take(chars.len()).collect();
    assert_eq!(snippet.text, by_chars);
    for mark in &snippet.marks {
        let characters = snippet.text.chars().skip(mark.chars.start);
        let by_chars: String = characters.take(mark.chars.len()).collect();
        assert_eq!(
            snippet.text.get(mark.bytes.clone()),
            Some(by_chars.as_str())
        );
    }
}

#[test]
fn without_a_match_it_is_the_start_and_without_a_text_empty() {
    let folder = tempfile::tempdir().unwrap();
    let index = index(
        &folder,
        &[("empty", ""), ("text", " First words. And more of them.")],
    );
    let result = index.search("unheard", &SearchOptions::new()).unwrap();
    for (place, hit) in result.hits.iter().enumerate() {
        let snippet = snippet(&result, place, "unheard", 14);
        match hit.id.as_str() {
            "empty" => assert_eq!(snippet, Snippet::default()),
            _ => assert_eq!(
                (snippet.text.as_str(), snippet.bytes),
                ("First words.", 1..13)
            ),
        }
        assert!(snippet.marks.is_empty());
    }
    assert_eq!(result.hits.len(), 2);
}

#[test]
fn it_is_of_the_state_that_was_searched() {
    let folder = tempfile::tempdir().unwrap();
    let index = index(&folder, &[("a", "old salmon"), ("b", "b")]);
    let result = index.search("salmon", &SearchOptions::new().k(1)).unwrap();
    let mut writer = index.writer().unwrap();
    writer.delete("a").unwrap();
    writer.commit().unwrap();
    assert_eq!(snippet(&result, 0, "salmon", 100).text, "old salmon");
    let options = SnippetOptions::new();
    let newer = index
        .snapshot()
        .snippet(&result.hits[0], "salmon", &options);
    assert!(newer.unwrap_err().is_invalid_input());
}

#[test]
fn all_that_a_beginning_becomes_is_marked_where_it_is_read_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let index = index(&folder, &[("a", "Vacuums are vacant, a vacuum sucks.")]);
    let result = index
        .search("sucks vac", &SearchOptions::new().prefix(true))
        .unwrap();
    let marks = |prefix| {
        let options = SnippetOptions::new().prefix(prefix);
        let snippet = result
            .snapshot()
            .snippet(&result.hits[0], "sucks vac", &options);
        marked(&snippet.unwrap()).join(" ")
    };
    assert_eq!(marks(true), "Vacuums vacant vacuum sucks");
    assert_eq!(marks(false), "sucks");
}

#[test]
fn without_places_of_tokens_only_words_are_marked() {
    let folder = tempfile::tempdir().unwrap();
    let documents = [("a", "old salmon of the river"), ("b", "b")];
    let lexical = Index::create(folder.path().join("l.zgr"), IndexOptions::lexical()).unwrap();
    let mut writer = lexical.writer().unwrap();
    writer.add(Document::new("a").text(documents[0].1)).unwrap();
    writer.commit().unwrap();
    for index in [index(&folder, &documents), lexical] {
        let result = index.search("salmon", &SearchOptions::new().k(1)).unwrap();
        let options = SnippetOptions::new();
        let of = |options| {
            result
                .snapshot()
                .snippet(&result.hits[0], "salmon", options)
        };
        let plain = of(&options).unwrap();
        assert_eq!(marked(&plain), ["salmon"]);
        assert_eq!(of(&options.clone().semantic(true)).unwrap(), plain);
    }
}
