//! Docids and queries by language models that are bad at it.

use std::sync::Mutex;

use crate::support::generator::{StandIn, document_in};
use zerogr::raw::generate::TermStats;
use zerogr::raw::generate::language::{
    DocidOrigin, DocidWriter, LanguageDocidOptions, LanguageDocids, LanguageQueries,
    LanguageQueryOptions, PromptStyle, QueryWriter, obeys_docid_rules,
};
use zerogr::raw::language::TextGenerator;
use zerogr::{Document, ErrorKind};

const STYLES: [PromptStyle; 2] = [PromptStyle::FewShot, PromptStyle::Instruction];

/// Prose, a table, code, and what is hard to name.
fn documents() -> Vec<Document> {
    vec![
        Document::new("prose")
            .title("On the flutter of thin panels")
            .text(
                "Thin panels may vibrate violently once the stream is fast enough. We measured the \
             onset of flutter for rectangular panels of aluminium at Mach numbers from 1.2 to 3.",
            ),
        Document::new("table")
            .title("Renaissance discography")
            .text(
                "Year | Title | UK chart\n1969 | Renaissance | 60\n1973 | Ashes Are Burning | -\n\
             1977 | Novella | 171",
            ),
        Document::new("code").text(
            "def min_cost(cost, m, n):\n\ttotalCost = [[0 for x in range(C)] for x in range(R)]\n\
             \t# cheapest path through the grid\n\treturn totalCost[m][n]",
        ),
        Document::new("line").text("x".repeat(100_000)),
        Document::new("words").text("panel ".repeat(20_000)),
        Document::new("short").text("Flutter!"),
        Document::new("notes/17").text("to be or not to be"),
        Document::new("blank"),
    ]
}

fn stats(documents: &[Document]) -> TermStats {
    let mut stats = TermStats::new();
    documents.iter().for_each(|document| stats.add(document));
    stats
}

fn docids(
    generator: &dyn TextGenerator,
    style: PromptStyle,
    documents: &[Document],
) -> Vec<LanguageDocids> {
    let writer = DocidWriter::new(generator, LanguageDocidOptions::new(style)).unwrap();
    let asked: Vec<&Document> = documents.iter().collect();
    let mut seen = 0;
    let found = writer
        .write(
            &asked,
            &stats(documents),
            &mut |_| Ok(false),
            &mut |count, _| {
                seen += 1;
                assert_eq!(count, seen);
                Ok(())
            },
        )
        .unwrap();
    assert_eq!(seen, documents.len());
    found
}

fn assert_good(documents: &[Document], found: &[LanguageDocids]) {
    assert_eq!(documents.len(), found.len());
    for (document, docids) in documents.iter().zip(found) {
        assert!(!docids.docids.is_empty());
        for docid in &docids.docids {
            assert!(
                obeys_docid_rules(docid, document),
                "{}: {docid}",
                document.id
            );
        }
    }
}

#[test]
fn whatever_a_model_writes_docids_obey_the_rules() {
    let answers: [fn(&str) -> String; 8] = [
        |_| String::new(),
        |_| "\n".repeat(200),
        |prompt| prompt.to_owned(),
        |prompt| document_in(prompt).to_owned(),
        |_| "words ".repeat(5_000),
        |_| "机器学习 人工智能 研究".into(),
        |_| "Here is the name you asked for: THE Panels, of FLUTTER!!! (and more)".into(),
        |_| "\u{0}\u{fffd} \u{202e}| <|im_end|> ```".into(),
    ];
    let documents = documents();
    for style in STYLES {
        for answer in answers {
            let model = StandIn::new(move |prompt: &str, _| answer(prompt));
            assert_good(&documents, &docids(&model, style, &documents));
        }
    }
}

#[test]
fn what_was_good_is_kept_and_the_rest_counted() {
    let model = StandIn::new(|prompt: &str, _| {
        let document = document_in(prompt);
        let answer = match () {
            () if document.contains("violently") => "flutter thin panels mach numbers aluminium",
            () if document.contains("Ashes") => "Renaissance, the discography: UK chart of Doctors",
            () => "nothing of use",
        };
        answer.to_owned()
    });
    let documents = &documents()[..3];
    let found = docids(&model, PromptStyle::FewShot, documents);
    assert_good(documents, &found);
    assert_eq!(
        found[0].docids[0],
        "flutter thin panels mach numbers aluminium"
    );
    assert_eq!(
        found[0].docids[1],
        "thin flutter panels mach numbers aluminium"
    );
    assert!(found[1].docids[0].starts_with("renaissance discography uk chart "));
    let origins = found.iter().map(|docids| docids.origin).collect::<Vec<_>>();
    let want = [
        DocidOrigin::Written,
        DocidOrigin::Repaired,
        DocidOrigin::Fallback,
    ];
    assert_eq!(origins, want);
    assert_eq!(found[0].new_tokens, 6);
}

#[test]
fn documents_with_the_same_words_are_told_apart() {
    let text = "Flutter of thin panels in supersonic flow at many Mach numbers over aluminium";
    let mut documents: Vec<Document> = (0..5)
        .map(|number| Document::new(format!("d{number}")).text(format!("{text} case{number}")))
        .collect();
    documents.push(Document::new("twin").text("one two three"));
    documents.push(Document::new("other twin").text("one two three"));
    let model = StandIn::new(|_: &str, _| "flutter thin panels supersonic flow mach".into());
    let found = docids(&model, PromptStyle::FewShot, &documents);
    assert_good(&documents, &found);
    let mut firsts: Vec<&String> = found[..5].iter().map(|docids| &docids.docids[0]).collect();
    firsts.sort();
    firsts.dedup();
    assert_eq!(firsts.len(), 5, "{firsts:?}");
    // No term can tell these two apart, which is said.
    let shared: Vec<bool> = found.iter().map(|docids| docids.is_shared).collect();
    assert_eq!(shared, [false, false, false, false, false, false, true]);
}

#[test]
fn prompts_hold_the_beginning_of_the_document_and_their_own_end() {
    for style in STYLES {
        let prompts = Mutex::new(Vec::new());
        let model = StandIn::new(|prompt: &str, _| {
            prompts.lock().unwrap().push(prompt.to_owned());
            String::new()
        });
        let long = Document::new("long")
            .title("The title")
            .text((0..500).map(|n| format!("w{n}\n")).collect::<String>());
        docids(&model, style, std::slice::from_ref(&long));
        let prompt = prompts.lock().unwrap().pop().unwrap();
        let document = document_in(&prompt);
        assert!(document.starts_with("The title"), "{document}");
        assert_eq!(document.split_whitespace().count(), 128);
        assert!(style == PromptStyle::Instruction || prompt.ends_with("\nKeywords:"));
        assert_eq!(document.contains('\n'), style == PromptStyle::Instruction);
    }
}

#[test]
fn a_small_context_shortens_the_document_or_is_refused() {
    let documents = [Document::new("long").text("word ".repeat(500))];
    let mut model = StandIn::new(|prompt: &str, _| {
        assert!(prompt.ends_with("\nKeywords:"));
        assert!((16..40).contains(&document_in(prompt).split_whitespace().count()));
        String::new()
    });
    model.context_tokens = 230;
    docids(&model, PromptStyle::FewShot, &documents);
    model.context_tokens = 100;
    let options = LanguageDocidOptions::new(PromptStyle::FewShot);
    let error = DocidWriter::new(&model, options).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    model.context_tokens = 2000;
    let long = "task ".repeat(3000);
    let options = LanguageQueryOptions::new(PromptStyle::FewShot, &long, 0).unwrap();
    let error = QueryWriter::new(&model, options).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(error.to_string().contains("instruction"), "{error}");
}

fn queries(generator: &dyn TextGenerator, documents: &[Document]) -> Vec<LanguageQueries> {
    let options = LanguageQueryOptions::new(PromptStyle::FewShot, "Find code.", 0).unwrap();
    let writer = QueryWriter::new(generator, options).unwrap();
    let asked: Vec<&Document> = documents.iter().collect();
    let mut found = vec![LanguageQueries::default(); documents.len()];
    writer
        .write(&asked, &mut |at, queries| {
            found[at] = queries;
            Ok(())
        })
        .unwrap();
    found
}

#[test]
fn queries_are_asked_for_often_and_filtered() {
    let model = StandIn::new(|prompt: &str, sample| {
        assert!(prompt.starts_with("Task: Find code."));
        match sample {
            0 => "how to find the cheapest path\nDocument: more".into(),
            1 => " How to find the cheapest path?".into(),
            2 => String::new(),
            3 => "Find code.".into(),
            4 => "python function that shifts the elements of a list to the left".into(),
            5 => "最短路径".into(),
            6 => prompt.to_owned(),
            _ => format!("path {}", sample % 10),
        }
    });
    let found = queries(&model, &documents()[2..3]);
    let want = [
        "how to find the cheapest path",
        "path 7",
        "path 8",
        "path 9",
        "path 0",
        "path 1",
        "path 2",
        "path 3",
        "path 4",
        "path 5",
    ];
    assert_eq!(found[0].queries, want);
    assert_eq!(found[0].left_out, 6);
}

#[test]
fn a_model_that_says_nothing_gives_no_queries() {
    for answer in ["", "\n\n\n", "?!", "Document:"] {
        let model = StandIn::new(move |_: &str, _| answer.to_owned());
        for found in queries(&model, &documents()) {
            assert_eq!((found.queries.len(), found.left_out), (0, 16));
        }
    }
}
