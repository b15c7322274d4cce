//! The examples do what they say, over an index of words alone.
#![allow(clippy::unwrap_used)]

#[path = "../examples/desktop.rs"]
#[allow(dead_code)]
mod desktop;
#[path = "../examples/server.rs"]
#[allow(dead_code)]
mod server;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use zerogr::{Index, IndexOptions};

#[test]
fn the_desktop_follows_its_folder_and_answers_as_one_types() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("notes");
    fs::create_dir_all(notes.join("old")).unwrap();
    fs::write(notes.join("wings.md"), "Thin wings vibrate.").unwrap();
    fs::write(notes.join("old/heat.txt"), "A hot plate.").unwrap();
    fs::write(notes.join("photo.png"), [0, 1, 2]).unwrap();
    let path = folder.path().join("notes.zgr");
    let index = desktop::open(&path, IndexOptions::lexical()).unwrap();
    assert_eq!(desktop::sync(&index, &notes).unwrap(), (2, 0));
    assert_eq!(desktop::sync(&index, &notes).unwrap(), (0, 0));
    let answer = desktop::answer(&index, "thin win").unwrap();
    assert_eq!(
        answer,
        [("wings.md".to_owned(), "Thin wings vibrate.".to_owned())]
    );
    fs::remove_file(notes.join("wings.md")).unwrap();
    assert_eq!(desktop::sync(&index, &notes).unwrap(), (0, 1));
    assert!(desktop::answer(&index, "thin win").unwrap().is_empty());
}

/// The status and the body of an answer.
fn ask(at: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(at).unwrap();
    let len_bytes = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {at}\r\nContent-Length: {len_bytes}\r\n\
         Connection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

#[test]
fn the_server_finds_what_it_was_given_and_ends_what_has_begun() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let index = Index::create(&path, IndexOptions::lexical()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let at = listener.local_addr().unwrap();
    let served = runtime.spawn(async move {
        let ended = async { ended.await.unwrap() };
        server::serve(index, listener, ended)
            .await
            .map_err(|error| error.to_string())
    });
    let wings = "{\"_id\": \"a\", \"text\": \"thin wings\", \"metadata\": {\"year\": 1958}}\n";
    let (status, body) = ask(at, "POST", "/documents", wings);
    assert_eq!(status, 200, "{body}");
    let found = ask(at, "GET", "/search?q=wings&where=year%3C1960", "");
    assert!(
        found.0 == 200 && found.1.contains("\"id\":\"a\""),
        "{found:?}"
    );
    let (status, body) = ask(
        at,
        "POST",
        "/documents",
        "{\"_id\": \"b\"}\n{\"text\": 1}\n",
    );
    assert!(status == 400 && body.starts_with("line 2:"), "{body}");
    assert_eq!(ask(at, "GET", "/search?q=wings&where=year%3C", "").0, 400);
    assert_eq!(ask(at, "GET", "/health", "").0, 200);
    let metrics = ask(at, "GET", "/metrics", "").1;
    assert!(
        metrics.contains("search_seconds_count 2\nsearch_failures_total 1"),
        "{metrics}"
    );

    // What is on its way when the server is told to end is durable all the same.
    let last = std::thread::spawn(move || {
        ask(
            at,
            "POST",
            "/documents",
            "{\"_id\": \"c\", \"text\": \"late\"}",
        )
    });
    std::thread::sleep(std::time::Duration::from_millis(300));
    end.send(()).unwrap();
    assert_eq!(last.join().unwrap().0, 200);
    runtime.block_on(served).unwrap().unwrap();
    assert!(Index::open(&path).unwrap().snapshot().contains("c"));
}
