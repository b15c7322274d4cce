//! `zerogr eval`: datasets, systems, run files and judgements in and out, comparisons, the report.

use std::collections::BTreeMap;

use crate::support::command::{DOCUMENTS, Folder, corpus, gzip, shared_index};
use crate::support::installed::stderr;
use serde_json::{Value, json};

/// A collection in BEIR's layout: every document is asked for by its title.
fn collection(folder: &Folder) {
    let queries: String = DOCUMENTS
        .iter()
        .map(|(id, title, _)| json!({"_id": format!("q-{id}"), "text": title}).to_string() + "\n")
        .collect();
    let judgements: String = DOCUMENTS
        .iter()
        .map(|(id, _, _)| format!("q-{id}\t{id}\t1\n"))
        .collect();
    folder.write("beir/corpus.jsonl", corpus());
    folder.write("beir/queries.jsonl.gz", gzip(queries.as_bytes()));
    folder.write(
        "beir/qrels/test.tsv",
        format!("query-id\tcorpus-id\tscore\n{judgements}"),
    );
}

/// A query of MAIR's layout.
fn labelled(id: &str, query: &str, instruction: &str, labels: &[(&str, i32)]) -> String {
    let labels: Vec<Value> = labels
        .iter()
        .map(|(id, score)| json!({"id": id, "score": score}))
        .collect();
    let line = json!({"qid": id, "query": query, "instruction": instruction, "labels": labels});
    line.to_string() + "\n"
}

/// Two tasks in MAIR's layout that share a corpus; a query of one has a document's id.
fn tasks(folder: &Folder) {
    let documents: String = DOCUMENTS
        .iter()
        .map(|(id, title, text)| {
            json!({"id": id, "doc": format!("{title}. {text}")}).to_string() + "\n"
        })
        .collect();
    folder.write("mair/docs.jsonl", documents);
    let animals = labelled(
        "1",
        "salmon in a river",
        "Find animals.",
        &[("fish", 2), ("bees", 1)],
    ) + &labelled("2", "honey", "Find animals.", &[("bees", 1)]);
    folder.write("mair/animals/queries.jsonl", animals);
    let science = labelled(
        "moon",
        "craters on the moon, or wings",
        "",
        &[("moon", 0), ("wing", 1)],
    ) + &labelled("3", "yeast under stress", "", &[("gene", 1)])
        + &labelled("4", "unjudged", "", &[]);
    folder.write("mair/queries/science.jsonl.gz", gzip(science.as_bytes()));
}

/// The only system on the only dataset.
fn only(measured: &Value) -> &Value {
    let systems = measured["datasets"][0]["systems"].as_array().unwrap();
    assert_eq!(
        (
            measured["datasets"].as_array().unwrap().len(),
            systems.len()
        ),
        (1, 1)
    );
    &systems[0]
}

fn near(value: &Value, expected: f64) -> bool {
    (value.as_f64().unwrap() - expected).abs() < 1e-9
}

#[test]
fn eval_measures_and_writes_a_run() {
    let folder = Folder::new();
    collection(&folder);
    let measured = folder.json(&["eval", shared_index(), "beir", "--run", "run.txt", "--json"]);
    let system = only(&measured);
    for key in ["nDCG@10", "Acc@1", "Recall@100"] {
        let value = system[key].as_f64().unwrap();
        assert!((0.9..=1.0).contains(&value), "{key}: {value}");
    }
    assert_eq!(system["queries"], 12);
    assert_eq!(measured["datasets"][0]["index"]["documents"], 12);
    assert!(system["p50_ms"].as_f64().unwrap() > 0.0);

    let run = std::fs::read_to_string(folder.path("run.txt")).unwrap();
    assert_eq!(run.lines().count(), 12 * 12);
    let mut earlier = (String::new(), f64::INFINITY);
    for line in run.lines() {
        let columns: Vec<&str> = line.split(' ').collect();
        let &[query, "Q0", id, rank, score, "zerogr"] = columns.as_slice() else {
            panic!("not a line of a run: {line}");
        };
        assert!(DOCUMENTS.iter().any(|(known, _, _)| *known == id));
        assert!((1..=12).contains(&rank.parse::<usize>().unwrap()));
        let score: f64 = score.parse().unwrap();
        assert!(query != earlier.0 || score < earlier.1, "{line}");
        earlier = (query.to_owned(), score);
    }
}

#[test]
fn eval_knows_the_baselines_and_the_order_of_drawing() {
    let folder = Folder::new();
    collection(&folder);
    let modes = "lexical,dense,fusion,generative,planned";
    let args = ["eval", shared_index(), "beir", "--mode", modes, "--json"];
    let measured = folder.json(&args);
    let systems = measured["datasets"][0]["systems"].as_array().unwrap();
    let names: Vec<&str> = systems
        .iter()
        .map(|one| one["system"].as_str().unwrap())
        .collect();
    assert_eq!(names.join(","), modes);
    for system in systems {
        assert!(system["nDCG@10"].as_f64().unwrap() > 0.5, "{system}");
        let nodes = system["work"]["node_evaluations"].as_f64().unwrap();
        let generates = ["generative", "planned"].contains(&system["system"].as_str().unwrap());
        assert_eq!(nodes > 0.0, generates, "{system}");
    }
    let compared = measured["datasets"][0]["comparisons"].as_array().unwrap();
    assert_eq!(compared.len(), 4);
    for one in compared {
        assert_eq!(
            (&one["baseline"], &one["metric"]),
            (&json!("lexical"), &json!("nDCG@10"))
        );
        assert_eq!(one["significance"]["queries"], 12);
    }
    let drawn = folder.json(&["eval", shared_index(), "beir", "--rerank", "off", "--json"]);
    assert!(only(&drawn)["nDCG@10"].as_f64().unwrap() > 0.5);
    let table = folder.ok(&["eval", shared_index(), "beir", "--mode", modes]);
    for words in [
        "nDCG@10",
        "Recall@100",
        "planned",
        "vs lexical",
        "12 documents",
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }
}

#[test]
fn tasks_share_an_index_that_is_built_and_kept() {
    let folder = Folder::new();
    tasks(&folder);
    let args = [
        "eval",
        "mair",
        "--build-dir",
        "built/here",
        "--mode",
        "lexical,dense",
        "--json",
    ];
    let measured = folder.json(&args);
    let datasets = measured["datasets"].as_array().unwrap();
    let names: Vec<&str> = datasets
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["animals", "science"]);
    for dataset in datasets {
        assert_eq!(dataset["queries"], 2);
        assert!(dataset["index"]["build_seconds"].as_f64().unwrap() > 0.0);
        assert!(
            dataset["index"]["path"]
                .as_str()
                .unwrap()
                .ends_with("mair.zgr")
        );
    }
    let acc = |dataset: &Value| dataset["systems"][0]["Acc@1"].as_f64().unwrap();
    assert_eq!([acc(&datasets[0]), acc(&datasets[1])], [1.0, 0.5]);
    assert!(near(&measured["macro_average"]["lexical"]["Acc@1"], 0.75));
    assert!(near(&measured["micro_average"]["lexical"]["Acc@1"], 0.75));
    assert_eq!(measured["comparisons"][0]["significance"]["queries"], 4);

    // The second time the index is there; an instruction changes what the encoder reads only.
    let plain = [&args[..], &["--no-instructions"]].concat();
    let output = folder.run(&plain);
    assert!(stderr(&output).contains("is there and used as it is"));
    let again: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(again["datasets"][0]["index"]["build_seconds"], Value::Null);
    let table = folder.ok(&args[..args.len() - 1]);
    for words in [
        "macro average: mean over 2 datasets",
        "micro average: mean over 4 queries",
    ] {
        assert!(table.contains(words), "{table}");
    }
}

#[test]
fn both_rules_for_the_querys_own_id_are_printed() {
    let folder = Folder::new();
    tasks(&folder);
    let mair = ["eval", "mair", "--build-dir", "built", "--mode", "lexical"];
    let science = |args: &[&str]| {
        let measured = folder.json(&[&mair[..], args, &["--json"]].concat());
        let [animals, science] =
            [0, 1].map(|number| measured["datasets"][number]["systems"][0].clone());
        assert_eq!(animals["other_same_id_rule"], Value::Null);
        (measured["same_id_rule"].clone(), science)
    };
    let args = ["--metrics", "MRR@2,Recall@2", "--depth", "2"];
    let (rule, kept) = science(&args);
    let (other, dropped) = science(&[&args[..], &["--drop-same-id"]].concat());
    assert_eq!((rule, other), (json!("keep"), json!("drop")));
    for key in ["MRR@2", "Recall@2"] {
        assert_eq!(kept[key], dropped["other_same_id_rule"][key]);
        assert_eq!(dropped[key], kept["other_same_id_rule"][key]);
    }
    let table = folder.ok(&mair);
    assert!(table.contains("query's own id dropped"), "{table}");
    assert!(table.contains("BEIR's evaluator drops them"), "{table}");
}

#[test]
fn runs_and_judgements_go_out_and_come_in() {
    let folder = Folder::new();
    tasks(&folder);
    let mair = [
        "eval",
        "mair",
        "--build-dir",
        "built",
        "--mode",
        "lexical,dense",
    ];
    let written = folder.json(&[&mair[..], &["--runs", "out", "--json"]].concat());
    // Without an index: nothing but files is measured, and the same comes out.
    let files = [
        "--read-run",
        "lexical=out/{}/lexical.run",
        "--read-run",
        "dense=out/{}/dense.run",
    ];
    let args = [&["eval", "mair", "--json"], &files[..]].concat();
    let read = folder.json(&args);
    for (dataset, again) in [0, 1].map(|n| (&written["datasets"][n], &read["datasets"][n])) {
        assert_eq!(again["index"], Value::Null);
        for (system, again) in [0, 1].map(|n| (&dataset["systems"][n], &again["systems"][n])) {
            assert_eq!(system["system"], again["system"]);
            for key in [
                "nDCG@10",
                "Acc@1",
                "Recall@10",
                "Recall@100",
                "MRR@10",
                "MAP",
            ] {
                assert!(near(&again[key], system[key].as_f64().unwrap()), "{key}");
            }
            assert_eq!(again["p50_ms"], Value::Null);
        }
        assert_eq!(dataset["comparisons"], again["comparisons"]);
    }
    // Without a folder, too.
    let args = [
        "eval",
        "--qrels",
        "out/science/qrels.trec",
        "--read-run",
        "mine=out/science/dense.run",
        "--json",
    ];
    let alone = folder.json(&args);
    assert_eq!(alone["datasets"][0]["name"], "qrels");
    let value = written["datasets"][1]["systems"][1]["MAP"]
        .as_f64()
        .unwrap();
    assert!(near(&only(&alone)["MAP"], value));
    // Judgements in the place of those of the folder.
    collection(&folder);
    folder.write("strict.tsv", "q-fish\tfish\t1\nq-fish\tbees\t1\n");
    let args = [
        "eval",
        shared_index(),
        "beir",
        "--qrels",
        "strict.tsv",
        "--json",
    ];
    let strict = folder.json(&args);
    assert_eq!(only(&strict)["queries"], 1);
    assert_eq!(strict["datasets"][0]["judgements"], 2);
}

#[test]
fn every_query_is_written_and_compared_with_a_named_baseline() {
    let folder = Folder::new();
    collection(&folder);
    folder.write("empty.run", "q-fish Q0 bees 1 1.0 other\n");
    let args = [
        "eval",
        shared_index(),
        "beir",
        "--mode",
        "lexical",
        "--read-run",
        "other=empty.run",
        "--baseline",
        "other",
        "--per-query",
        "queries.jsonl",
        "--metrics",
        "Acc@1,nDCG@3",
        "--json",
    ];
    let measured = folder.json(&args);
    let comparison = &measured["datasets"][0]["comparisons"][0];
    assert_eq!(comparison["baseline"], "other");
    assert_eq!(comparison["metric"], "Acc@1");
    let significance = &comparison["significance"];
    assert_eq!(
        (&significance["wins"], &significance["ties"]),
        (&json!(12), &json!(0))
    );
    // Every query is won by 1: all signs alike are 2 of 4096 patterns.
    assert_eq!(significance["t_test_p"], 0.0);
    assert!((significance["randomisation_p"].as_f64().unwrap() - 2.0 / 4096.0).abs() < 1e-3);

    let lines = std::fs::read_to_string(folder.path("queries.jsonl")).unwrap();
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["dataset"], "beir");
        let system = line["system"].as_str().unwrap().to_owned();
        assert_eq!(line["ms"].is_null(), system == "other");
        *sums.entry(system).or_default() += line["metrics"]["nDCG@3"].as_f64().unwrap();
    }
    assert_eq!(lines.lines().count(), 24);
    assert!(near(
        &measured["datasets"][0]["systems"][0]["nDCG@3"],
        sums["lexical"] / 12.0
    ));
    assert_eq!(sums["other"], 0.0);
}

#[test]
fn seeds_give_a_mean_and_a_deviation() {
    let folder = Folder::new();
    collection(&folder);
    let gumbel = [
        "--decoder",
        "gumbel",
        "--rerank",
        "off",
        "--t-max",
        "20",
        "--json",
    ];
    let args = [
        &[
            "eval",
            shared_index(),
            "beir",
            "--mode",
            "lexical,generative",
        ],
        &gumbel[..],
    ];
    let single = |seed: &str| {
        let measured = folder.json(&[&args.concat()[..], &["--seed", seed]].concat());
        measured["datasets"][0]["systems"][1]["nDCG@10"]
            .as_f64()
            .unwrap()
    };
    let singles = ["5", "6", "7"].map(single);
    let runs = ["--seed", "5", "--seeds", "3", "--runs", "out"];
    let measured = folder.json(&[&args.concat()[..], &runs].concat());
    let [lexical, sampled] = [0, 1].map(|n| &measured["datasets"][0]["systems"][n]);
    let mean = singles.iter().sum::<f64>() / 3.0;
    let squares: f64 = singles.iter().map(|value| (value - mean).powi(2)).sum();
    assert!(near(&sampled["nDCG@10"], mean), "{singles:?} {sampled}");
    assert!(near(
        &sampled["deviations_between_seeds"]["nDCG@10"],
        (squares / 2.0).sqrt()
    ));
    assert!(squares > 0.0, "seeds that change nothing: {singles:?}");
    assert_eq!(
        (&sampled["seeds"], &lexical["seeds"]),
        (&json!(3), &Value::Null)
    );
    let mut written: Vec<_> = std::fs::read_dir(folder.path("out/beir"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    written.sort();
    let seeds = ["5", "6", "7"].map(|seed| format!("generative.seed-{seed}.run"));
    assert_eq!(written[..3], seeds);
    assert_eq!(written[3..], ["lexical.run", "qrels.trec"]);
}

#[test]
fn the_report_is_self_contained_and_escapes_texts() {
    let folder = Folder::new();
    let nasty = "<script>alert('\"&')</script>";
    let documents: String = (0..9)
        .map(|number| {
            let text = format!("{nasty} wing number{number} \u{0} end");
            json!({"_id": format!("<{number}>"), "title": nasty, "text": text}).to_string() + "\n"
        })
        .collect();
    folder.write("beir/corpus.jsonl", documents);
    let queries: String = (0..3)
        .map(|number| {
            let text = format!("number{number} {nasty} wing");
            json!({"_id": format!("q<{number}>"), "text": text}).to_string() + "\n"
        })
        .collect();
    folder.write("beir/queries.jsonl", queries);
    folder.write(
        "beir/qrels/test.tsv",
        "q<0>\t<0>\t1\nq<1>\t<4>\t2\nq<2>\t<2>\t1\n",
    );
    // One query is answered better than by BM25, the others worse.
    folder.write("bad.run", "q<1> Q0 <4> 1 1 t\nq<0> Q0 <7> 1 1 t\n");
    let args = [
        "eval",
        "beir",
        "--build-dir",
        "built",
        "--mode",
        "lexical",
        "--read-run",
        "bad=bad.run",
        "--report",
        "report.html",
    ];
    folder.ok(&args);
    let page = std::fs::read_to_string(folder.path("report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    for outside in [
        "<script", "http", "src=", "href=", "@import", "url(", "\u{0}", "NaN", "inf",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    for words in [
        "nDCG@10",
        "Recall among the first k documents",
        "Time per query",
        "Queries won and lost",
        "beir: where bad is better",
        "beir: where bad is worse",
        "&lt;script&gt;alert(&#39;&quot;&amp;&#39;)&lt;/script&gt;",
        "lexical",
        "relevant",
        "<polyline",
        "<rect",
    ] {
        assert!(page.contains(words), "{words}");
    }
    for tag in [
        "section", "table", "svg", "article", "div", "ol", "li", "tr", "text", "p",
    ] {
        let opened =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    // Nothing but judgements and a run: no times, no texts, still a page.
    folder.write("a.run", "q<0> Q0 <0> 1 1 t\n");
    let args = [
        "eval",
        "--qrels",
        "beir/qrels/test.tsv",
        "--read-run",
        "a=a.run",
        "--report",
        "b.html",
    ];
    folder.ok(&args);
    let page = std::fs::read_to_string(folder.path("b.html")).unwrap();
    assert!(page.contains("<polyline") && !page.contains("Time per query"));
}

#[test]
fn bad_collections_and_runs_are_named() {
    let folder = Folder::new();
    collection(&folder);
    folder.write("nan.run", "q-fish Q0 fish 1 NaN t\n");
    folder.write("twice.run", "q-fish Q0 fish 1 2 t\nq-fish Q0 fish 2 1 t\n");
    folder.write("foreign.run", "x Q0 fish 1 2 t\n");
    folder.write("none.run", "");
    folder.write("unknown.tsv", "q-fish\tfish\t1\nnobody\tfish\t1\n");
    folder.write("nothing.tsv", "query-id\tcorpus-id\tscore\n");
    folder.write("other.tsv", "q-fish\tshark\t1\n");
    for (name, lines) in [
        (
            "torn",
            "{\"_id\": \"q-fish\", \"text\": \"x\"}\n{\"_id\": \n",
        ),
        (
            "twice",
            "{\"_id\": \"q\", \"text\": \"x\"}\n{\"_id\": \"q\", \"text\": \"y\"}\n",
        ),
    ] {
        folder.write(&format!("{name}/corpus.jsonl"), corpus());
        folder.write(&format!("{name}/queries.jsonl"), lines);
        folder.write(&format!("{name}/qrels/test.tsv"), "q\tfish\t1\n");
    }
    let index = shared_index();
    let run = |file: &'static str| ["eval", "beir", "--read-run", file];
    for (args, words) in [
        (&run("a=nan.run")[..], "nan.run:1: the score \"NaN\""),
        (&run("a=twice.run"), "twice.run:2: query \"q-fish\""),
        (&run("a=foreign.run"), "answers no judged query of beir"),
        (&run("a=none.run"), "answers no judged query of beir"),
        (&run("a=missing.run"), "missing.run"),
        (&["eval", index, "torn"], "queries.jsonl:2: not valid JSON"),
        (
            &["eval", index, "twice"],
            "queries.jsonl:2: the query \"q\" comes a second time",
        ),
        (&["eval", index, "beir", "--split", "dev"], "dev.tsv"),
        (
            &["eval", index, "beir", "--qrels", "unknown.tsv"],
            "\"nobody\" is judged here",
        ),
        (
            &["eval", index, "beir", "--qrels", "nothing.tsv"],
            "has no judgements",
        ),
        (
            &["eval", index, "beir", "--qrels", "other.tsv"],
            "the index of another collection",
        ),
        (&["eval", "missing.zgr", "beir"], "no index at missing.zgr"),
        (
            &["eval", index, "beir", "--report", "no/where.html"],
            "creating no/where.html",
        ),
        (
            &["eval", index, "beir", "--run", "no/where.run"],
            "creating no/where.run",
        ),
    ] {
        let message = folder.fails(args);
        assert!(message.contains(words), "{args:?}: {message}");
    }
    // Some relevant documents missing is said, and counts against recall.
    folder.write("partly.tsv", "q-fish\tfish\t1\nq-fish\tshark\t1\n");
    let args = [
        "eval",
        index,
        "beir",
        "--qrels",
        "partly.tsv",
        "--mode",
        "lexical",
        "--json",
    ];
    let output = folder.run(&args);
    assert!(stderr(&output).contains("1 of 2 relevant documents are not in"));
    let measured: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(measured["datasets"][0]["unknown_documents"], 1);
    assert!(near(&only(&measured)["Recall@100"], 0.5));
}

#[test]
fn what_cannot_be_measured_is_a_usage_error() {
    let folder = Folder::new();
    collection(&folder);
    folder.write("more/beir/corpus.jsonl", corpus());
    folder.write(
        "more/beir/queries.jsonl",
        labelled("q", "x", "", &[("fish", 1)]),
    );
    folder.write("a.run", "q-fish Q0 fish 1 1 t\n");
    let index = shared_index();
    for (args, words) in [
        (&["eval"][..], "nothing to measure"),
        (&["eval", "beir"], "--build-dir"),
        (&["eval", index], "no folder after the index"),
        (&["eval", index, "beir", index], "no folder after the index"),
        (&["eval", index, index, "beir"], "no folder after the index"),
        (
            &["eval", index, "beir", "more"],
            "two datasets are called \"beir\"",
        ),
        (
            &["eval", index, "beir", "more", "--qrels", "x"],
            "judgement",
        ),
        (
            &["eval", index, "beir", "--mode", "lexical,lexical"],
            "two systems",
        ),
        (&["eval", index, "beir", "--mode", "magic"], "magic"),
        (
            &["eval", index, "beir", "--metrics", "P@5"],
            "there is no metric",
        ),
        (
            &["eval", index, "beir", "--metrics", "Recall@500"],
            "--depth 500",
        ),
        (&["eval", index, "beir", "--depth", "0"], "depth"),
        (
            &["eval", index, "beir", "--seeds", "3"],
            "decoder that samples",
        ),
        (&["eval", index, "beir", "--seeds", "0"], "seeds"),
        (
            &[
                "eval",
                index,
                "beir",
                "--mode",
                "generative",
                "--planner",
                "3",
            ],
            "--mode planned",
        ),
        (
            &["eval", index, "beir", "--fusion-share", ".3"],
            "--mode fusion",
        ),
        (
            &["eval", index, "beir", "--baseline", "lexical"],
            "not among what is measured",
        ),
        (
            &[
                "eval",
                index,
                "beir",
                "--mode",
                "dense,lexical",
                "--run",
                "r",
            ],
            "--runs DIR",
        ),
        (&["eval", "beir", "--read-run", "a.run"], "NAME=FILE"),
        (&["eval", "beir", "--read-run", "../x=a.run"], "NAME=FILE"),
        (
            &["eval", "beir", "--read-run", "a=a.run", "--mode", "dense"],
            "needs an index",
        ),
    ] {
        let output = folder.run(args);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{args:?}: {}",
            stderr(&output)
        );
        assert!(
            stderr(&output).contains(words),
            "{args:?}: {}",
            stderr(&output)
        );
    }
    assert!(!folder.path("r").exists());
}

#[test]
fn nothing_is_written_over_that_is_no_result() {
    let folder = Folder::new();
    collection(&folder);
    let base = ["eval", shared_index(), "beir", "--mode", "lexical"];
    folder.write("precious.txt", "a letter");
    for option in ["--per-query", "--report", "--run"] {
        let message = folder.fails(&[&base[..], &[option, "precious.txt"]].concat());
        assert!(message.contains("something else"), "{message}");
    }
    folder.write("runs/beir/qrels.trec", "a letter");
    folder.fails(&[&base[..], &["--runs", "runs"]].concat());
    let read = |name: &str| std::fs::read_to_string(folder.path(name)).unwrap();
    assert_eq!(read("precious.txt"), "a letter");
    assert_eq!(read("runs/beir/qrels.trec"), "a letter");

    // Results take the place of results, and nothing else is left beside them.
    for _ in 0..2 {
        let outputs = [
            "--per-query",
            "q.jsonl",
            "--report",
            "r.html",
            "--run",
            "a.run",
        ];
        folder.ok(&[&base[..], &outputs].concat());
    }
    assert_eq!(read("q.jsonl").lines().count(), 12);
    assert_eq!(
        folder.names(),
        ["a.run", "beir", "precious.txt", "q.jsonl", "r.html", "runs"]
    );
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("precious.txt", folder.path("link.run")).unwrap();
        folder.fails(&[&base[..], &["--run", "link.run"]].concat());
        assert_eq!(read("precious.txt"), "a letter");
        folder.ok(&[&base[..], &["--per-query", "/dev/null"]].concat());
    }
    let message = folder.fails(&["demo", "--data", "beir", "-o", "precious.txt"]);
    assert!(message.contains("not a zerogr index"), "{message}");
    assert_eq!(read("precious.txt"), "a letter");
}
