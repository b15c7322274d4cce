//! Fields on the command line: taken from JSON, filtered, counted and sorted by.

use crate::support::command::Folder;
use crate::support::installed::{stderr, stdout};
use serde_json::{Value, json};

const CORPUS: &str = r#"{"_id": "a", "title": "A", "text": "wing", "url": "x:a", "metadata": {"year": 1961, "lang": "en", "author": {"name": "Ada", "born": null}}}
{"_id": "b", "title": "B", "text": "wing", "metadata": {"lang": ["en", "de"], "year": 2020, "draft": true}}
{"_id": "c", "title": "C", "text": "wing", "tags": "old", "metadata": {"year": 1958, "at": "2024-02-29T12:00:00+01:00"}}
{"_id": "d", "title": "D", "text": "wing", "metadata": {}}
"#;

fn built(corpus: &str, more: &[&str]) -> Folder {
    let folder = Folder::new();
    folder.write("corpus.jsonl", corpus);
    folder.ok(&[&["build", "corpus.jsonl", "--lexical", "-o", "a.zgr"], more].concat());
    folder
}

fn listed(folder: &Folder, args: &[&str]) -> Vec<String> {
    let lines = folder.ok(&[&["list", "a.zgr"], args].concat());
    let id = |line: &str| line.split('\t').next().unwrap().to_owned();
    lines.lines().map(id).collect()
}

#[test]
fn an_expression_narrows_searches_and_listings() {
    let folder = built(CORPUS, &[]);
    for (expression, expected) in [
        ("year >= 1960 and not draft", &["a"][..]),
        ("lang in (\"de\", 'fr') or author.name = 'Ada'", &["a", "b"]),
        ("at < '2024-03-01' and tag('old')", &["c"]),
        ("not exists(year)", &["d"]),
    ] {
        assert_eq!(listed(&folder, &["--where", expression]), expected);
        let args = ["search", "a.zgr", "wing", "--where", expression, "--json"];
        let found = folder.json(&args);
        let ids = found
            .as_array()
            .unwrap()
            .iter()
            .map(|hit| hit["id"].as_str().unwrap());
        let mut ids: Vec<&str> = ids.collect();
        ids.sort_unstable();
        assert_eq!(ids, expected);
    }
    assert_eq!(listed(&folder, &["--sort", "year"]), ["c", "a", "b", "d"]);
    let newest = ["--sort", "year", "--descending", "--limit", "2"];
    assert_eq!(listed(&folder, &newest), ["b", "a"]);
    let both = ["--where", "exists(year)", "--filter-not-tag", "old"];
    assert_eq!(listed(&folder, &both), ["a", "b"]);
    let line = folder.ok(&["list", "a.zgr", "--json", "--where", "id('a')"]);
    let line: Value = serde_json::from_str(&line).unwrap();
    let source: Value = serde_json::from_str(CORPUS.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&line["metadata"], &line["url"]),
        (&source["metadata"], &source["url"])
    );
    let last = folder.ok(&["get", "a.zgr", "d", "--json"]);
    assert!(last.contains("\"metadata\":{}"), "{last}");
}

#[test]
fn a_wrong_expression_is_a_usage_error_that_points_at_its_column() {
    let folder = built(CORPUS, &[]);
    let output = folder.run(&["list", "a.zgr", "--where", "year >= and draft"]);
    assert_eq!(output.status.code(), Some(2));
    let message = stderr(&output);
    assert!(
        message.contains("column 9: a value is expected"),
        "{message}"
    );
    for (expression, message) in [
        (
            "yeer = 1",
            "no field \"yeer\": it has at, author.name, draft, lang, year",
        ),
        ("year = 'x'", "it is an integer in this index"),
    ] {
        let said = folder.fails(&["search", "a.zgr", "wing", "--where", expression]);
        assert!(said.contains(message), "{said}");
    }
    assert!(
        folder
            .fails(&["list", "a.zgr", "--sort", "yeer"])
            .contains("yeer")
    );
}

#[test]
fn documents_are_counted_by_value_and_by_range() {
    let folder = built(CORPUS, &[]);
    let counted = folder.json(&["count", "a.zgr", "lang", "year=1960,2000", "--json"]);
    assert_eq!(
        counted,
        json!({"documents": 4, "fields": [
            {"field": "lang", "documents": 2, "counts": [
                {"value": "en", "documents": 2}, {"value": "de", "documents": 1}]},
            {"field": "year", "documents": 3, "counts": [
                {"value": "below 1960", "documents": 1},
                {"value": "from 1960 below 2000", "documents": 1},
                {"value": "from 2000", "documents": 1}]}]})
    );
    let args = ["count", "a.zgr", "--where", "year < 2000", "--json"];
    assert_eq!(folder.json(&args), json!({"documents": 2, "fields": []}));
    assert!(
        folder
            .ok(&["count", "a.zgr", "lang"])
            .contains("       2  en")
    );
    let found = folder.json(&[
        "search", "a.zgr", "wing", "-k", "1", "--facet", "draft", "--json",
    ]);
    assert_eq!(found["hits"].as_array().unwrap().len(), 1);
    assert_eq!(found["facets"]["matching"][0]["documents"], 1);
    let of_hits = found["facets"]["hits"][0]["documents"].as_u64().unwrap();
    assert_eq!(of_hits, u64::from(found["hits"][0]["id"] == "b"));
    let shown = folder.ok(&["search", "a.zgr", "wing", "--facet", "lang"]);
    assert!(
        shown.contains("lang: 2 of the hits have a value"),
        "{shown}"
    );
}

#[test]
fn what_has_no_type_is_named_with_its_line_or_only_kept() {
    let wrong =
        "{\"_id\": \"e\", \"text\": \"wing\", \"metadata\": {\"year\": \"2021\", \"n\": 1}}\n";
    let folder = Folder::new();
    folder.write("corpus.jsonl", CORPUS.to_owned() + wrong);
    let build = ["build", "corpus.jsonl", "--lexical", "-o", "a.zgr"];
    let message = folder.fails(&build);
    assert!(
        message.contains("corpus.jsonl:5") && message.contains("\"year\""),
        "{message}"
    );
    let output = folder.run(&[&build[..], &["--skip-bad-lines", "--json"]].concat());
    assert!(
        stdout(&output).contains("\"left_out\":1"),
        "{}",
        stderr(&output)
    );
    std::fs::remove_file(folder.path("a.zgr")).unwrap();
    let built = folder.json(&[&build[..], &["--fields-lenient", "--json"]].concat());
    assert_eq!(built["commit"]["untyped_fields"], 1);
    assert_eq!(listed(&folder, &["--where", "n = 1"]), ["e"]);
    assert!(
        folder
            .ok(&["get", "a.zgr", "e", "--json"])
            .contains("\"year\":\"2021\"")
    );
    // The types hold for what is added later.
    folder.write("more.jsonl", wrong.replace("\"e\"", "\"f\""));
    let message = folder.fails(&["add", "a.zgr", "more.jsonl"]);
    assert!(message.contains("more.jsonl:1"), "{message}");
}

#[test]
fn the_type_of_a_field_can_be_declared() {
    let corpus = "{\"_id\": \"a\", \"text\": \"wing\", \"metadata\": {\"x\": 1}}\n\
                  {\"_id\": \"b\", \"text\": \"wing\", \"metadata\": {\"x\": 1.5}}\n";
    let folder = built(
        corpus,
        &["--field-type", "x=float", "--field-type", "y=boolean"],
    );
    assert_eq!(listed(&folder, &["--where", "x >= 1.25 and not y"]), ["b"]);
    let wrong = [
        "build",
        "corpus.jsonl",
        "--lexical",
        "-o",
        "b.zgr",
        "--field-type",
        "x=number",
    ];
    assert_eq!(folder.run(&wrong).status.code(), Some(2));
}

#[test]
fn fields_can_have_another_key() {
    let corpus = "{\"_id\": \"a\", \"text\": \"wing\", \"attrs\": {\"n\": 1}, \"n\": 2}\n";
    let folder = built(corpus, &["--fields", "attrs"]);
    assert_eq!(listed(&folder, &["--where", "n = 1"]), ["a"]);
    let line = folder.ok(&["get", "a.zgr", "a", "--json"]);
    assert!(line.contains("\"metadata\":{\"n\":1},\"n\":2"), "{line}");
    let folder = Folder::new();
    folder.write("corpus.jsonl", corpus);
    let build = [
        "build",
        "corpus.jsonl",
        "--lexical",
        "-o",
        "b.zgr",
        "--fields",
        "n",
    ];
    assert!(folder.fails(&build).contains("\"n\" must be an object"));
}
