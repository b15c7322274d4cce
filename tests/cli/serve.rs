//! The page of an index: what a browser gets, and what it does not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use crate::support::command::{Folder, shared_index};

const NOTES: &str = r#"{"_id": "a<b>", "title": "<script>alert(1)</script>", "text": "Thin wings & <i>air</i>", "metadata": {"lang": "<en>", "year": 1958}}
{"_id": "b", "title": "Heat", "text": "Plates have wings of heat.", "metadata": {"lang": "de", "year": 1961}}
"#;

struct Site {
    server: Child,
    host: String,
}

impl Site {
    fn of(folder: &Folder, index: &str) -> Site {
        let mut command = folder.command(&["serve", index, "--port", "0"]);
        let mut server = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(server.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let host = line.trim().strip_prefix("http://").unwrap().to_owned();
        assert!(host.starts_with("127.0.0.1:"), "{host}");
        Site { server, host }
    }

    /// The status and the whole answer to a request with these lines.
    fn answer(&self, request: &str, headers: &[&str]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        write!(
            stream,
            "{request} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer)
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.answer(&format!("GET {path}"), &[&format!("Host: {}", self.host)])
    }

    fn page(&self, path: &str) -> String {
        let (status, page) = self.get(path);
        assert_eq!(status, 200, "{page}");
        page
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn notes() -> (Folder, Site) {
    let folder = Folder::new();
    folder.write("notes.jsonl", NOTES);
    folder.ok(&["build", "notes.jsonl", "--lexical", "-o", "notes.zgr"]);
    let site = Site::of(&folder, "notes.zgr");
    (folder, site)
}

#[test]
fn a_page_finds_narrows_and_shows_documents() {
    let (folder, site) = notes();
    let page = site.page("/");
    assert!(
        page.contains("2 documents.") && page.contains("role=\"search\""),
        "{page}"
    );
    let page = site.page("/?q=wings");
    assert!(
        page.contains("2 documents") && page.contains("<mark>wings</mark>"),
        "{page}"
    );
    assert!(page.contains("where=%60lang%60+%3D+%22de%22"), "{page}");
    let page = site.page("/?q=wings&where=%60lang%60+%3D+%22de%22");
    assert!(
        page.contains("1 document<") && page.contains("/document?id=b"),
        "{page}"
    );
    assert!(
        site.page("/document?id=b")
            .contains("Plates have wings of heat.")
    );
    // What others commit is seen.
    folder.write("more.jsonl", r#"{"_id": "c", "text": "turbines"}"#);
    folder.ok(&["add", "notes.zgr", "more.jsonl"]);
    assert!(site.page("/?q=turbines").contains("/document?id=c"));
}

#[test]
fn texts_of_an_index_are_no_part_of_the_page() {
    let (_folder, site) = notes();
    for path in [
        "/?q=wings",
        "/document?id=a%3Cb%3E",
        "/?q=%3Cscript%3E&where=%3Cscript%3E",
    ] {
        let (_, page) = site.get(path);
        for nasty in ["<script", "<i>", "<en>", "a<b>"] {
            assert!(!page.contains(nasty), "{path}: {page}");
        }
        assert!(page.contains("default-src 'none'"), "{page}");
    }
}

#[test]
fn only_this_machine_is_answered() {
    let (_folder, site) = notes();
    let host = format!("Host: {}", site.host);
    for (headers, status) in [
        (&[host.as_str()][..], 200),
        (&["Host: evil.example"], 403),
        (&[&host, "Origin: http://evil.example"], 403),
        (&[], 403),
    ] {
        let (answered, page) = site.answer("GET /", headers);
        assert_eq!(answered, status, "{page}");
    }
    let (status, _) = site.answer("POST /?q=wings", &[&host, "Content-Length: 0"]);
    assert_eq!(status, 405);
}

#[test]
fn what_cannot_be_answered_says_why() {
    let (_folder, site) = notes();
    for (path, expected, text) in [
        ("/?q=wings&where=year+%3E", 422, "the filter, column 7"),
        ("/?q=wings&k=many", 400, "k"),
        ("/document?id=nope", 404, "There is no document"),
        ("/document", 400, "id"),
        ("/elsewhere", 404, "no such page"),
    ] {
        let (status, page) = site.get(path);
        assert_eq!(status, expected, "{page}");
        assert!(
            page.contains(text) && page.contains("role=\"alert\""),
            "{page}"
        );
    }
}

#[test]
fn the_walk_of_the_decoder_is_drawn() {
    let folder = Folder::new();
    let site = Site::of(&folder, shared_index());
    let page = site.page("/?q=vibrating+wings&walk=1");
    let after = |mark: &str| page.split(mark).count() - 1;
    assert!(after("<path") >= 3 && after("<table") == 1, "{page}");
    assert!(
        page.contains("one of ") && page.contains("docids left"),
        "{page}"
    );
    let page = site.page("/?q=vibrating+wings&walk=1&mode=lexical");
    assert!(!page.contains("<svg"));
}

#[test]
#[cfg(unix)]
fn an_interrupted_page_ends_in_peace() {
    let (_folder, mut site) = notes();
    assert!(site.page("/?q=wings").contains("2 documents"));
    let pid = i32::try_from(site.server.id()).unwrap();
    let killed = std::process::Command::new("kill")
        .args(["-INT", &pid.to_string()])
        .status();
    assert!(killed.unwrap().success());
    assert!(site.server.wait().unwrap().success());
}
