"""Writes qrels.trec, run.trec and expected.json beside itself.

    pip install pytrec-eval-terrier
    python tests/data/metrics/generate.py

The values are those of trec_eval (through pytrec_eval) for a synthetic run with graded
judgements, tied scores, scores equal only as 32-bit floats, a long ranking, a query without
results and one without relevant documents. tests/metrics.rs must reproduce them to 1e-6.
"""

import json
import pathlib
import random

import pytrec_eval

HERE = pathlib.Path(__file__).parent
MEASURES = {
    "nDCG@10": "ndcg_cut_10",
    "Acc@1": "success_1",
    "Recall@100": "recall_100",
    "Recall@10": "recall_10",
    "MAP": "map",
}

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

with open(HERE / "qrels.trec", "w") as file:
    for query, judged in qrels.items():
        for document, score in judged.items():
            file.write(f"{query} 0 {document} {score}\n")
with open(HERE / "run.trec", "w") as file:
    for query, hits in run.items():
        for document, score in hits.items():
            file.write(f"{query} Q0 {document} 0 {score!r} test\n")

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
with open(HERE / "expected.json", "w") as file:
    json.dump({"means": means, "per_query": per_query}, file, indent=1, sort_keys=True)
    file.write("\n")
