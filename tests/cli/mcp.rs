//! An index as tools for agents: what a client of the protocol sees and is told.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::support::command::Folder;
use crate::support::installed::stderr;

const NOTES: &str = r#"{"_id": "a", "title": "Wing flutter", "text": "Thin wings vibrate in fast air.", "metadata": {"year": 1958}}
{"_id": "b", "title": "Heat", "text": "Plates in a hot stream have wings of heat.", "metadata": {"year": 1961}}
"#;

/// A client: one message a line, answers by number.
struct Client {
    server: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    asked: u64,
}

impl Client {
    fn of(folder: &Folder, args: &[&str]) -> Client {
        let mut command = folder.command(&[&["mcp"], args].concat());
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = command.spawn().unwrap();
        let (to, from) = (server.stdin.take(), server.stdout.take().unwrap());
        let mut client = Client {
            server,
            to,
            from: BufReader::new(from),
            asked: 0,
        };
        let about = client.ask(
            "initialize",
            json!({
                "protocolVersion": "2025-06-18", "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"},
            }),
        );
        assert_eq!(about["serverInfo"]["name"], "zerogr");
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        client
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.to.as_mut().unwrap(), "{message}").unwrap();
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["id"], id, "{line}");
        answer.get("result").unwrap_or(&answer["error"]).clone()
    }

    fn tools(&mut self) -> Vec<String> {
        let listed = self.ask("tools/list", json!({}));
        let names = listed["tools"].as_array().unwrap().iter();
        let names = names.map(|tool| tool["name"].as_str().unwrap().to_owned());
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        names
    }

    /// What a call answers: its text, and whether it failed.
    fn text(&mut self, tool: &str, arguments: Value) -> (String, bool) {
        let result = self.ask("tools/call", json!({"name": tool, "arguments": arguments}));
        let text = result["content"][0]["text"].as_str();
        let text = text.unwrap_or_else(|| panic!("{result}"));
        (text.to_owned(), result["isError"] == true)
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let (text, failed) = self.text(tool, arguments);
        assert!(!failed, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    fn failure(&mut self, tool: &str, arguments: Value) -> String {
        let (text, failed) = self.text(tool, arguments);
        assert!(failed, "{text}");
        text
    }

    fn ids(&mut self, arguments: Value) -> Vec<String> {
        let answer = self.call("search", arguments);
        let hits = answer["hits"].as_array().unwrap().iter();
        hits.map(|hit| hit["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Ends the session, which ends the server.
    fn end(mut self) {
        drop(self.to.take());
        assert!(self.server.wait().unwrap().success());
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn notes() -> Folder {
    let folder = Folder::new();
    folder.write("notes.jsonl", NOTES);
    folder.ok(&["build", "notes.jsonl", "--lexical", "-o", "notes.zgr"]);
    folder
}

#[test]
fn agents_search_and_read() {
    let folder = notes();
    let mut client = Client::of(&folder, &["notes.zgr"]);
    assert_eq!(client.tools(), ["get", "list_fields", "search", "status"]);
    let status = client.call("status", json!({}));
    assert_eq!(status["indexes"][0]["index"], "notes");
    assert_eq!(status["indexes"][0]["documents"], 2);
    assert_eq!(client.ids(json!({"query": "wings"})).len(), 2);
    let old = json!({"query": "wings", "where": "year < 1960"});
    assert_eq!(client.ids(old), ["a"]);
    let fields = client.call("list_fields", json!({}));
    assert_eq!(fields["fields"][0]["field"], "year");
    assert_eq!(fields["fields"][0]["type"], "integer");
    let piece = json!({"id": "a", "from_char": 5, "max_chars": 5});
    let piece = client.call("get", piece);
    assert_eq!(piece["text"], "wings");
    assert_eq!(piece["go_on_from_char"], 10);
    assert_eq!(piece["metadata"]["year"], 1958);
    client.end();
}

#[test]
fn an_answer_is_no_longer_than_was_asked_for() {
    let folder = Folder::new();
    let line = |number: u32| {
        let text = format!("wings {}", "that vibrate, ".repeat(100));
        json!({"_id": format!("d{number}"), "title": "W".repeat(5_000), "text": text}).to_string()
    };
    let corpus: Vec<String> = (0..40).map(line).collect();
    folder.write("many.jsonl", corpus.join("\n"));
    folder.ok(&["build", "many.jsonl", "--lexical", "-o", "many.zgr"]);
    let mut client = Client::of(&folder, &["many.zgr"]);
    for max_chars in [500, 1_000, 8_000] {
        let asked = json!({"query": "wings", "k": 40, "max_chars": max_chars});
        let (text, _) = client.text("search", asked);
        assert!(text.chars().count() <= max_chars, "{}", text.len());
        let answer: Value = serde_json::from_str(&text).unwrap();
        let shown = answer["hits"].as_array().unwrap().len();
        assert!(shown > 0);
        assert_eq!(
            shown as u64 + answer["left_out_for_length"].as_u64().unwrap(),
            40
        );
    }
    let (text, _) = client.text("get", json!({"id": "d1", "max_chars": 50}));
    assert!(text.chars().count() < 1_500, "{text}");
    client.end();
}

#[test]
fn nothing_is_written_unless_it_is_allowed() {
    let folder = notes();
    let mut client = Client::of(&folder, &["notes.zgr"]);
    let call = json!({"name": "delete", "arguments": {"ids": ["a"]}});
    let refused = client.ask("tools/call", call);
    assert!(
        refused["message"].as_str().unwrap().contains("not found"),
        "{refused}"
    );
    client.end();

    let mut client = Client::of(&folder, &["notes.zgr", "--allow-write"]);
    assert_eq!(
        client.tools(),
        ["add", "delete", "get", "list_fields", "search", "status"]
    );
    let documents = json!([{"id": "c", "text": "rust"}, {"id": "a", "text": "new wings"}]);
    let added = client.call("add", json!({"documents": documents}));
    assert_eq!(
        (&added["added"], &added["of_them_replaced"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(client.ids(json!({"query": "rust"})), ["c"]);
    let deleted = client.call("delete", json!({"ids": ["c", "unknown"]}));
    assert_eq!(deleted["deleted"], 1);
    assert_eq!(deleted["unknown"], json!(["unknown"]));
    let documents = json!([{"id": "e", "text": "fine"}, {"text": "nameless"}]);
    let message = client.failure("add", json!({"documents": documents}));
    assert!(message.starts_with("document 2:"), "{message}");
    assert!(client.ids(json!({"query": "fine"})).is_empty());
    client.end();
}

#[test]
fn a_call_that_fails_says_why_and_the_next_is_answered() {
    let folder = notes();
    folder.ok(&["build", "notes.jsonl", "--lexical", "-o", "other.zgr"]);
    let mut client = Client::of(&folder, &["notes.zgr", "other.zgr"]);
    for (tool, arguments, message) in [
        ("search", json!({"query": "x"}), "one of notes, other"),
        (
            "search",
            json!({"query": "x", "index": "third"}),
            "no index is called third",
        ),
        (
            "search",
            json!({"query": "x", "index": "notes", "where": "year >"}),
            "the filter, column 7",
        ),
        ("search", json!({"index": "notes"}), "missing field `query`"),
        (
            "get",
            json!({"id": "z", "index": "notes"}),
            "there is no document \"z\"",
        ),
    ] {
        let text = client.failure(tool, arguments);
        assert!(text.contains(message), "{text}");
    }
    // What others commit is seen.
    folder.write("more.jsonl", r#"{"_id": "c", "text": "turbines"}"#);
    folder.ok(&["add", "notes.zgr", "more.jsonl"]);
    let asked = json!({"query": "turbines", "index": "notes"});
    assert_eq!(client.ids(asked), ["c"]);
    client.end();
}

#[test]
fn indexes_of_one_name_are_refused() {
    let folder = notes();
    let refused = folder.run(&["mcp", "notes.zgr", "notes.zgr"]);
    assert_eq!(refused.status.code(), Some(2));
    let message = stderr(&refused);
    assert!(
        message.contains("two indexes are called notes"),
        "{message}"
    );
}
