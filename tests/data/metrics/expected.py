"""Writes qrels.trec, run.trec, scifact.qrels.trec, scifact.run.trec.gz and expected.json beside itself.

    pip install pytrec-eval-terrier scipy
    python tests/data/metrics/expected.py

The values are those of trec_eval (through pytrec_eval) for two runs; tests/eval/metrics.rs must
reproduce them to 1e-6.

- Synthetic: graded judgements, tied scores, scores equal only as 32-bit floats, a long ranking, a
  query without results and one without relevant documents.
- SciFact: the best 100 documents by BM25 for 120 claims, scores rounded to halves, which ties many
  of them. The collection's judgements are grade 3; documents from the ranking have grades -1 to 2
  by their number, so that grades and unjudged documents are mixed as in pooled collections.

The p values, scipy's, compare two metrics of the SciFact run as if they were two systems.
"""

import collections
import gzip
import json
import math
import pathlib
import random
import re

import pytrec_eval
import scipy.stats

HERE = pathlib.Path(__file__).parent
SCIFACT = HERE.parent / "scifact"
MEASURES = {
    "nDCG@5": "ndcg_cut_5",
    "nDCG@10": "ndcg_cut_10",
    "nDCG@100": "ndcg_cut_100",
    "Acc@1": "success_1",
    "Success@5": "success_5",
    "Recall@5": "recall_5",
    "Recall@10": "recall_10",
    "Recall@100": "recall_100",
    "MAP": "map",
}


def synthetic():
    rng = random.Random(20240601)
    documents = [f"d{number}" for number in range(300)]
    qrels, run = {}, {}
    for number in range(24):
        query = f"q{number:02}"
        judged = rng.sample(documents, rng.randint(1, 25))
        qrels[query] = {document: rng.choice([-1, 0, 0, 1, 1, 2, 3]) for document in judged}
        returned = rng.sample(documents, 250 if number % 6 == 0 else rng.randint(1, 40))
        returned += rng.sample(judged, len(judged) // 2)
        levels = rng.choice([3, 10, 1000])
        run[query] = {document: rng.randint(-levels, levels) / 8 for document in returned}
    qrels["q90-none-relevant"] = {"d1": 0, "d2": -1}
    run["q90-none-relevant"] = {"d1": 2.0, "d7": 1.0}
    qrels["q91-32-bit-ties"] = {"d1": 1, "d2": 2}
    run["q91-32-bit-ties"] = {"d1": 1.0 + 1e-10, "d2": 1.0, "d10": 1.0 - 1e-12}
    qrels["q92-no-results"] = {"d1": 1}
    run["q93-unjudged"] = {"d1": 1.0}
    return qrels, run


def lines(name):
    with gzip.open(SCIFACT / name, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def terms(text):
    return re.findall(r"[a-z0-9]+", text.lower())


def scifact():
    qrels = collections.defaultdict(dict)
    (judgements,) = (SCIFACT / "qrels").glob("test.tsv*")
    opened = gzip.open if judgements.suffix == ".gz" else open
    with opened(judgements, "rt") as file:
        for line in list(file)[1:]:
            query, document, _ = line.rstrip("\n").split("\t")
            qrels[query][document] = 3
    queries = [query for query in lines("queries.jsonl.gz") if query["_id"] in qrels][:120]
    qrels = {query["_id"]: qrels[query["_id"]] for query in queries}

    counts, postings = {}, collections.defaultdict(dict)
    for document in lines("corpus.jsonl.gz"):
        words = terms(document["title"] + " " + document["text"])
        counts[document["_id"]] = len(words)
        for word, count in collections.Counter(words).items():
            postings[word][document["_id"]] = count
    average = sum(counts.values()) / len(counts)
    run = {}
    for query in queries:
        scores = collections.Counter()
        for word in set(terms(query["text"])):
            found = postings.get(word, {})
            idf = math.log(1 + (len(counts) - len(found) + 0.5) / (len(found) + 0.5))
            for document, count in found.items():
                norm = 0.9 * (0.6 + 0.4 * counts[document] / average)
                scores[document] += idf * count * 1.9 / (count + norm)
        best = sorted(scores.items(), key=lambda one: (-one[1], one[0]))[:100]
        run[query["_id"]] = {document: round(score * 2) / 2 for document, score in best}
        for place, (document, _) in enumerate(best):
            if place % 7 == 3 and document not in qrels[query["_id"]]:
                qrels[query["_id"]][document] = int(document) % 4 - 1
    return qrels, run


def write(qrels, run, prefix, opened, suffix):
    with open(HERE / f"{prefix}qrels.trec", "w") as file:
        for query, judged in qrels.items():
            for document, score in judged.items():
                file.write(f"{query} 0 {document} {score}\n")
    with opened(HERE / f"{prefix}run.trec{suffix}") as file:
        for query, hits in run.items():
            for document, score in hits.items():
                file.write(f"{query} Q0 {document} 0 {score!r} test\n".encode())


def expected(qrels, run):
    measured = pytrec_eval.RelevanceEvaluator(qrels, set(MEASURES.values())).evaluate(run)
    # The reciprocal rank is uncut there: below 1/10 the first relevant hit is after the tenth.
    top = {}
    for query, hits in run.items():
        full = pytrec_eval.RelevanceEvaluator({query: qrels.get(query, {})}, {"recip_rank"})
        reciprocal = full.evaluate({query: hits}).get(query, {}).get("recip_rank", 0.0)
        top[query] = reciprocal if reciprocal >= 0.1 - 1e-9 else 0.0
    per_query = {}
    for query in qrels:
        values = measured.get(query, {})
        per_query[query] = {ours: values.get(theirs, 0.0) for ours, theirs in MEASURES.items()}
        per_query[query]["MRR@10"] = top.get(query, 0.0)
    means = {
        key: sum(values[key] for values in per_query.values()) / len(per_query)
        for key in next(iter(per_query.values()))
    }
    return {"means": means, "per_query": per_query}


def significance(per_query):
    """p values of a metric against another one, on the first queries by id."""
    cases = []
    for metric, base, count in [
        ("nDCG@10", "nDCG@5", 120),
        ("nDCG@10", "nDCG@5", 12),
        ("MRR@10", "Acc@1", 9),
        ("MRR@10", "Success@5", 14),
        ("MRR@10", "nDCG@100", 40),
        ("Success@5", "Recall@100", 30),
    ]:
        queries = sorted(per_query)[:count]
        system = [per_query[query][metric] for query in queries]
        other = [per_query[query][base] for query in queries]
        tossed = scipy.stats.permutation_test(
            ([s - b for s, b in zip(system, other)],),
            lambda x, axis: x.mean(axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=99_999,
            rng=1,
        )
        cases.append(
            {
                "metric": metric,
                "base": base,
                "queries": count,
                "t_test_p": float(scipy.stats.ttest_rel(system, other).pvalue),
                "randomisation_p": float(tossed.pvalue),
            }
        )
    return cases


result = {}
for name, (qrels, run), opened, suffix in [
    ("synthetic", synthetic(), lambda path: open(path, "wb"), ""),
    ("scifact", scifact(), lambda path: gzip.GzipFile(path, "wb", mtime=0), ".gz"),
]:
    write(qrels, run, "" if name == "synthetic" else f"{name}.", opened, suffix)
    result[name] = expected(qrels, run)
result["significance"] = significance(result["scifact"]["per_query"])
with open(HERE / "expected.json", "w") as file:
    json.dump(result, file, indent=1, sort_keys=True)
    file.write("\n")
