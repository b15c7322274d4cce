#!/usr/bin/env python3
"""Writes the development collections of QUALITY.md: train or dev queries, never test ones.

usage: development_sets.py SHARED_DATA OUT

Each becomes OUT/NAME with the split `train`. Queries are drawn with a fixed seed; a corpus that is
cut keeps the relevant documents of the first queries and takes others at random.
"""

import gzip
import json
import random
import sys
from pathlib import Path

# Name, folder, splits, queries, documents (None: all).
SETS = [
    ("scifact", "scifact", ["train"], 400, None),
    ("conala", "conala", ["train"], 300, None),
    ("gorilla-pytorch", "gorilla-pytorch", ["train"], 300, None),
    ("mbpp", "mbpp", ["train", "dev"], 300, None),
    ("squad-sentences", "train/squad-sentences", ["train"], 250, 1200),
    ("xquad-en", "train/xquad-en", ["train"], 300, None),
    ("pubmedqa", "train/pubmedqa", ["train"], 250, 500),
    ("fairytaleqa", "train/fairytaleqa", ["dev"], 250, 600),
    ("medquad", "train/medquad", ["train"], 250, 600),
]


def lines(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return {record["_id"]: record for record in map(json.loads, file)}


def judgements(folder, splits):
    found = {}
    for split in splits:
        with open(folder / "qrels" / f"{split}.tsv", encoding="utf-8") as file:
            for number, line in enumerate(file):
                query, document, score = line.rstrip("\n").split("\t")
                if number == 0 and not score.lstrip("-").isdigit():
                    continue
                if int(score) > 0:
                    found.setdefault(query, {})[document] = int(score)
    return found


def write(out, documents, queries, qrels):
    (out / "qrels").mkdir(parents=True, exist_ok=True)
    for name, records in [("corpus", documents), ("queries", queries)]:
        with gzip.open(out / f"{name}.jsonl.gz", "wt", encoding="utf-8", compresslevel=3) as file:
            file.writelines(json.dumps(record) + "\n" for record in records.values())
    with open(out / "qrels" / "train.tsv", "w", encoding="utf-8") as file:
        file.write("query-id\tcorpus-id\tscore\n")
        for query, scores in qrels.items():
            file.writelines(f"{query}\t{document}\t{score}\n" for document, score in scores.items())


def main():
    data, out = map(Path, sys.argv[1:])
    for name, folder, splits, query_count, document_count in SETS:
        draw = random.Random(7)
        documents, queries = lines(data / folder / "corpus.jsonl.gz"), lines(data / folder / "queries.jsonl.gz")
        qrels = judgements(data / folder, splits)
        chosen = sorted(query for query in qrels if query in queries)
        draw.shuffle(chosen)
        chosen = chosen[:query_count]
        if document_count is not None:
            kept = [one for query in chosen for one in qrels[query] if one in documents]
            kept = list(dict.fromkeys(kept))[:document_count]
            rest = sorted(set(documents) - set(kept))
            draw.shuffle(rest)
            kept += rest[: document_count - len(kept)]
            documents = {one: documents[one] for one in kept}
        qrels = {query: {one: score for one, score in qrels[query].items() if one in documents} for query in chosen}
        qrels = {query: scores for query, scores in qrels.items() if scores}
        write(out / name, documents, {query: queries[query] for query in qrels}, qrels)
        print(f"{name}: {len(documents)} documents, {len(qrels)} queries")


if __name__ == "__main__":
    main()
