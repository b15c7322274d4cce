use super::*;
use std::fs;
use std::io::Write;

fn from_text(text: impl Into<Vec<u8>>) -> DocumentReader {
    read_with(text, &ReadOptions::default())
}

fn read_with(text: impl Into<Vec<u8>>, options: &ReadOptions) -> DocumentReader {
    let source = std::io::Cursor::new(text.into());
    DocumentReader::from_reader("corpus.jsonl", source, options).unwrap()
}

fn documents(reader: DocumentReader) -> Vec<Document> {
    reader.collect::<Result<_>>().unwrap()
}

fn first_error(text: impl Into<Vec<u8>>) -> String {
    let mut reader = from_text(text);
    let error = reader.find_map(Result::err).expect("an error");
    assert!(error.is_invalid_input());
    assert!(reader.next().is_none(), "the reader ends after an error");
    error.to_string()
}

#[test]
fn keys_of_a_line() {
    let found = documents(from_text(
        "{\"_id\": \"a\", \"title\": \"T\", \"text\": \"x\", \"docid\": \"one two\", \"tags\": [\"p\", \"q\"], \"year\": 2024}\r\n\
         \n\
         {\"id\": 17, \"doc\": \"body\", \"title\": null, \"docid\": [\"d e\", \"f g\"], \"tags\": \"p\"}\n\
         {\"id\": \"c\", \"contents\": \"body\", \"metadata\": {\"k\": [1]}}\n\
         {\"_id\": \"d\", \"id\": \"other\", \"text\": \"t\", \"doc\": \"also\"}",
    ));
    let expected = Document::new("a")
        .title("T")
        .text("x")
        .docid("one two")
        .tag("p")
        .tag("q")
        .extra("year", 2024);
    assert_eq!(found[0], expected);
    assert_eq!(
        found[1],
        Document::new("17")
            .text("body")
            .docid("d e")
            .docid("f g")
            .tag("p")
    );
    assert_eq!(found[2].text, "body");
    assert_eq!(found[2].fields.json("k"), Some("[1]"));
    assert_eq!(
        found[3],
        Document::new("d")
            .text("t")
            .extra("id", "other")
            .extra("doc", "also")
    );
}

#[test]
fn null_under_one_name_does_not_hide_the_value_under_another() {
    let expected = Document::new("x").text("body").tag("t").extra("k", 1);
    for line in [
        r#"{"_id": null, "id": "x", "text": null, "doc": "body", "tags": "t", "k": 1}"#,
        r#"{"_id": null, "id": "x", "text": null, "doc": null, "contents": "body", "tags": ["t"], "k": 1}"#,
        r#"{"id": "x", "doc": null, "contents": "body", "docid": null, "tags": "t", "k": 1}"#,
    ] {
        assert_eq!(documents(from_text(line))[0], expected, "{line}");
    }
}

#[test]
fn documents_come_back_from_their_own_lines_as_they_came() {
    let line = r#"{"_id":"12345678901234567890123","title":"T","text":"x\ny","docid":["one two"],"tags":["p"],"z":123456789012345678901234567890,"a":1e400,"m":-0,"one":1.0,"tenth":0.1000,"s":"\u00e9","o":{"b":1,"a":[null]}}"#;
    let read = documents(from_text(line));
    assert_eq!(read[0].to_json_line(), line);
    let spaced = line.replace("\":", "\" : ").replace(",\"", " , \"");
    assert_eq!(documents(from_text(spaced)), read);
    let number = documents(from_text("{\"id\": 12345678901234567890123}"));
    assert_eq!(number[0].id, read[0].id);
}

#[test]
fn errors_name_file_and_line() {
    let good = "{\"_id\": \"a\"}\n\n";
    for (line, message) in [
        (
            "{\"_id\": \"b\"",
            "not valid JSON: EOF while parsing an object (column 11)",
        ),
        (
            "[1]",
            "not a JSON object but a list; every line must be an object",
        ),
        (
            "[",
            "not a JSON object but a list; every line must be an object",
        ),
        (
            "{",
            "not valid JSON: EOF while parsing an object (column 1); every line must be one",
        ),
        (
            "{\"_id\": \"b\"},",
            "not valid JSON: trailing characters (column 13); every line",
        ),
        ("7", "not a JSON object; every line must be one"),
        (
            "{\"_id\": \"b\", \"k\": 1, \"k\": 2}",
            "the key \"k\" comes twice",
        ),
        (
            "{\"_id\": \"b\", \"_id\": \"c\"}",
            "the key \"_id\" comes twice",
        ),
        (
            "{\"_id\": \"b\", \"f\": [{\"k\": 1, \"k\": 2}]}",
            "\"f\": the key \"k\" comes twice",
        ),
        (
            "{\"_id\": \"b\", \"f\": \"\\ud800\"}",
            "\"f\": a string is not Unicode text",
        ),
        (
            "{\"_id\": \"b\", \"text\": \"\\ud800\"}",
            "a string is not Unicode text",
        ),
        (
            "{\"_id\": \"b\", \"docid\": [\"x\", \" \"]}",
            "a docid is blank",
        ),
        ("{\"text\": \"x\"}", "the document has no \"_id\""),
        ("{\"_id\": null}", "the document has no \"_id\""),
        ("{\"_id\": \"\"}", "the document's id is empty"),
        ("{\"_id\": 1.5}", "\"_id\" must be a string or an integer"),
        ("{\"id\": [1]}", "\"id\" must be a string or an integer"),
        (
            "{\"_id\": \"b\", \"title\": 3}",
            "\"title\" must be a string",
        ),
        (
            "{\"_id\": \"b\", \"contents\": []}",
            "\"contents\" must be a string",
        ),
        (
            "{\"_id\": \"b\", \"docid\": [1]}",
            "\"docid\" must be a string or a list of strings",
        ),
        (
            "{\"_id\": \"b\", \"tags\": {}}",
            "\"tags\" must be a string or a list of strings",
        ),
    ] {
        let error = first_error(format!("{good}{line}\n"));
        assert!(
            error.starts_with(&format!("corpus.jsonl:3: {message}")),
            "{error}"
        );
    }
    let long = format!("{{\"_id\": \"{}\"}}", "x".repeat(5000));
    assert!(first_error(long).contains("corpus.jsonl:1: the document's id has 5000 bytes"));
    let error = first_error(b"{\"_id\": \"a\"}\n{\"_id\": \"\xff\"}".to_vec());
    assert!(
        error.starts_with("corpus.jsonl:2: not valid UTF-8"),
        "{error}"
    );
    let deep = format!("{{\"_id\": \"a\", \"f\": {}1", "[".repeat(100_000));
    assert!(first_error(deep).contains("EOF while parsing a list"));
    for depth in [65, 126, 100_000] {
        let deep = "[".repeat(depth) + &"]".repeat(depth);
        let error = first_error(format!("{good}{{\"_id\": \"b\", \"deep\": {deep}}}"));
        let start = "corpus.jsonl:3: \"deep\": lists and objects lie more than 64 deep";
        assert!(error.starts_with(start), "{error}");
    }
}

#[test]
fn bad_lines_can_be_skipped_and_are_reported() {
    let mut text =
        b"\xef\xbb\xbf{\"_id\": \"a\"}\nnonsense\n{\"_id\": \"\xff\"}\n{\"_id\": \"b\"}\n".to_vec();
    text.extend_from_slice(&b"{}\n".repeat(50));
    let mut reader = read_with(
        text,
        &ReadOptions {
            skip_bad_lines: true,
            ..ReadOptions::default()
        },
    );
    let found: Vec<Document> = reader.by_ref().collect::<Result<_>>().unwrap();
    assert_eq!(
        found
            .iter()
            .map(|document| document.id.as_str())
            .collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(reader.skipped().count, 52);
    assert_eq!(reader.skipped().reports.len(), 20);
    assert!(
        reader.skipped().reports[0]
            .to_string()
            .starts_with("corpus.jsonl:2: not valid JSON")
    );
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn several_files_plain_and_compressed_with_progress() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, packed) = (folder.path().join("a.jsonl"), folder.path().join("b.jsonl"));
    fs::write(&plain, "{\"_id\": \"1\"}\n").unwrap();
    fs::write(&packed, gzip("{\"_id\": \"2\"}\n{\"_id\": \"3\"}\n")).unwrap();
    let mut reader = DocumentReader::open([&plain, &packed], &ReadOptions::default()).unwrap();
    let progress = reader.progress();
    let total = fs::metadata(&plain).unwrap().len() + fs::metadata(&packed).unwrap().len();
    assert_eq!(progress.bytes_total(), Some(total));
    assert_eq!(progress.bytes_read(), 0);
    let ids: Vec<String> = reader
        .by_ref()
        .map(|document| document.unwrap().id)
        .collect();
    assert_eq!(ids, ["1", "2", "3"]);
    assert_eq!(progress.bytes_read(), total);
}

#[test]
fn truncated_gzip_fails_even_when_skipping() {
    let whole = gzip(&"{\"_id\": \"1\", \"text\": \"some text\"}\n".repeat(2000));
    let options = ReadOptions {
        skip_bad_lines: true,
        ..ReadOptions::default()
    };
    let mut reader = read_with(&whole[..whole.len() / 2], &options);
    let error = reader.find_map(Result::err).expect("an error");
    let message = error.to_string();
    assert!(
        message.starts_with("corpus.jsonl:") && message.contains("ends too early"),
        "{message}"
    );
    assert!(reader.next().is_none());
}

#[test]
fn folders_are_read_in_order_of_their_ids() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("b/inner")).unwrap();
    fs::create_dir_all(root.join(".git")).unwrap();
    fs::write(root.join("z.txt"), "\u{feff}First line\r\nsecond").unwrap();
    fs::write(root.join("b/inner/one.md"), "# One\ntext").unwrap();
    fs::write(root.join("a.markdown"), "").unwrap();
    fs::write(root.join("picture.png"), b"\xff\xfe").unwrap();
    fs::write(root.join(".git/notes.md"), "hidden").unwrap();
    let found = documents(DocumentReader::open([root], &ReadOptions::default()).unwrap());
    assert_eq!(found[0], Document::new("a.markdown").title("a"));
    assert_eq!(
        found[1],
        Document::new("b/inner/one.md")
            .title("One")
            .text("# One\ntext")
    );
    assert_eq!(
        found[2],
        Document::new("z.txt")
            .title("First line")
            .text("First line\r\nsecond")
    );
    assert_eq!(found.len(), 3);

    fs::write(root.join("c.md"), b"good\nb\xffd").unwrap();
    let mut reader = DocumentReader::open([root], &ReadOptions::default()).unwrap();
    let error = reader.find_map(Result::err).unwrap().to_string();
    assert!(error.contains("c.md:2: not valid UTF-8"), "{error}");
    let mut reader = DocumentReader::open(
        [root],
        &ReadOptions {
            skip_bad_lines: true,
            ..ReadOptions::default()
        },
    )
    .unwrap();
    assert_eq!(reader.by_ref().filter(Result::is_ok).count(), 3);
    assert_eq!(reader.skipped().count, 1);
}

#[test]
fn single_text_files_and_missing_paths() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.md");
    fs::write(&page, "# Title").unwrap();
    let found = documents(DocumentReader::open([&page], &ReadOptions::default()).unwrap());
    assert_eq!(
        found,
        [Document::new("page.md").title("Title").text("# Title")]
    );

    let missing = folder.path().join("missing.jsonl");
    let error = DocumentReader::open([&missing], &ReadOptions::default())
        .err()
        .unwrap();
    assert_eq!(error.kind(), crate::ErrorKind::NotFound);
    assert!(error.to_string().contains("missing.jsonl"));

    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let error = DocumentReader::open([&empty], &ReadOptions::default())
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("no files that are read"),
        "{error}"
    );
}

fn ids_of(paths: &[&Path]) -> Vec<String> {
    let reader = DocumentReader::open(paths, &ReadOptions::default()).unwrap();
    documents(reader).into_iter().map(|one| one.id).collect()
}

#[test]
fn ids_of_text_files_carry_their_folder_from_the_common_root() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in [
        "one/README.md",
        "two/README.md",
        "two/deep/README.md",
        "page.md",
    ] {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), "text").unwrap();
    }
    fs::write(root.join("lines.jsonl"), "{\"_id\": \"a\"}\n").unwrap();
    let [one, two, deep, page, lines, readme, dotted] = [
        "one",
        "two/",
        "two/deep",
        "page.md",
        "lines.jsonl",
        "two/README.md",
        "one/../two/./deep",
    ]
    .map(|name| root.join(name));
    assert_eq!(ids_of(&[&one]), ["README.md"]);
    assert_eq!(
        ids_of(&[&two, &lines]),
        ["README.md", "deep/README.md", "a"]
    );
    assert_eq!(
        ids_of(&[&one, &two]),
        ["one/README.md", "two/README.md", "two/deep/README.md"]
    );
    assert_eq!(
        ids_of(&[&deep, &one]),
        ["two/deep/README.md", "one/README.md"]
    );
    assert_eq!(
        ids_of(&[&dotted, &one]),
        ["two/deep/README.md", "one/README.md"]
    );
    assert_eq!(ids_of(&[&one, &page]), ["one/README.md", "page.md"]);
    assert_eq!(ids_of(&[&readme, &deep]), ["README.md", "deep/README.md"]);
    let twice = DocumentReader::open([&two, &deep], &ReadOptions::default()).unwrap();
    let error = twice.last().unwrap().unwrap_err().to_string();
    assert!(error.contains("\"deep/README.md\" at"), "{error}");
}

#[test]
fn an_id_that_comes_twice_is_named_with_both_places() {
    let lines: String = ["1", "\"1\"", "\"a\"", "\"b\"", "1", "\"b\""]
        .map(|id| format!("{{\"_id\": {id}}}\n"))
        .concat();
    let found: Vec<Result<Document>> = from_text(lines.clone()).collect();
    let ids: Vec<&str> = found.iter().flatten().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["1", "a", "b"]);
    let error = found.last().unwrap().as_ref().unwrap_err();
    assert!(error.is_invalid_input());
    let start = "an id comes more than once: \"1\" at corpus.jsonl:2, first at corpus.jsonl:1; \
                 \"1\" at corpus.jsonl:5, first at corpus.jsonl:1; \
                 \"b\" at corpus.jsonl:6, first at corpus.jsonl:4; give";
    assert!(error.to_string().starts_with(start), "{error}");
    let many = from_text(lines.repeat(10)).last().unwrap().unwrap_err();
    assert!(many.to_string().contains("; and 52 more; give"), "{many}");

    for (on_duplicate, expected) in [
        (OnDuplicate::First, vec!["1", "a", "b"]),
        (OnDuplicate::Last, vec!["1", "1", "a", "b", "1", "b"]),
    ] {
        let options = ReadOptions {
            on_duplicate,
            ..ReadOptions::default()
        };
        let mut reader = read_with(lines.clone(), &options);
        let ids: Vec<String> = reader.by_ref().map(|one| one.unwrap().id).collect();
        assert_eq!(ids, expected);
        assert_eq!(reader.duplicate_count(), 3);
    }
}

#[test]
fn what_a_further_check_refuses_is_a_bad_line_and_no_duplicate() {
    let lines = "{\"_id\": \"a\", \"text\": \"no\"}\n{\"_id\": \"a\", \"text\": \"yes\"}\n";
    let check = |document: &Document| match document.text.as_str() {
        "no" => Err(Error::limit("too much")),
        _ => Ok(()),
    };
    let mut reader = from_text(lines);
    reader.check_with(check);
    let error = reader.next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "corpus.jsonl:1: too much");
    assert_eq!(error.kind(), crate::ErrorKind::Limit);
    let options = ReadOptions {
        skip_bad_lines: true,
        ..ReadOptions::default()
    };
    let mut reader = read_with(lines, &options);
    reader.check_with(check);
    let found: Vec<Document> = reader.by_ref().collect::<Result<_>>().unwrap();
    assert_eq!((found.len(), found[0].text.as_str()), (1, "yes"));
    assert_eq!(reader.skipped().count, 1);

    let mut reader = read_with(lines, &options);
    reader.check_with(|_| Err(Error::new(crate::ErrorKind::Runtime, "missing")));
    assert_eq!(reader.next().unwrap().unwrap_err().to_string(), "missing");
}

/// Reads a folder, leaving out what is bad: ids, and reports without the folder's path.
#[cfg(unix)]
fn ids_and_reports(folder: &Path) -> (Vec<String>, Vec<String>) {
    let options = ReadOptions {
        skip_bad_lines: true,
        ..ReadOptions::default()
    };
    let mut reader = DocumentReader::open([folder], &options).unwrap();
    let ids = reader.by_ref().map(|one| one.unwrap().id).collect();
    let prefix = format!("{}/", folder.display());
    let reports = reader.skipped().reports.iter();
    let reports = reports.map(|report| report.to_string().replace(&prefix, ""));
    (ids, reports.collect())
}

#[cfg(unix)]
#[test]
fn only_regular_files_inside_a_folder_are_read() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("notes");
    fs::create_dir_all(root.join("inner")).unwrap();
    fs::write(outer.path().join("secret.md"), "secret").unwrap();
    fs::write(root.join("inner/a.md"), "text").unwrap();
    symlink("inner/a.md", root.join("b.md")).unwrap();
    assert_eq!(ids_and_reports(&root).0, ["b.md", "inner/a.md"]);

    symlink("../secret.md", root.join("c.md")).unwrap();
    symlink("nowhere", root.join("d.md")).unwrap();
    symlink("inner", root.join("linked")).unwrap();
    symlink("/dev/zero", root.join("z.txt")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(root.join("e.md"))
        .status();
    assert!(made.unwrap().success());
    fs::write(root.join(std::ffi::OsStr::from_bytes(b"f\xff.md")), "text").unwrap();
    let (ids, reports) = ids_and_reports(&root);
    assert_eq!(ids, ["b.md", "inner/a.md"]);
    let expected = [
        "c.md: the link leads out of the folder",
        "d.md: the link leads nowhere",
        "e.md: it is no regular file",
        "f\u{fffd}.md: the name is not valid UTF-8",
        "linked: a link to a folder is not followed",
        "z.txt: the link leads out of the folder",
    ];
    assert_eq!(reports.len(), expected.len(), "{reports:?}");
    for (report, start) in reports.iter().zip(expected) {
        assert!(report.starts_with(start), "{report}");
    }
    let mut reader = DocumentReader::open([&root], &ReadOptions::default()).unwrap();
    let error = reader.find_map(Result::err).unwrap().to_string();
    assert!(error.contains("c.md: the link leads out"), "{error}");

    let pipe = outer.path().join("corpus.jsonl");
    fs::rename(root.join("e.md"), &pipe).unwrap();
    let mut reader = DocumentReader::open([&pipe], &ReadOptions::default()).unwrap();
    let error = reader.next().unwrap().unwrap_err().to_string();
    assert!(error.contains("folder, pipe or device"), "{error}");
}
