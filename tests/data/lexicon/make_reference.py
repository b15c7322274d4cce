"""Scores of an independent BM25 (bm25s, method "lucene") on the terms that zerogr makes.

    ZEROGR_COLLECTION=../shared/data/cranfield ZEROGR_TERMS=/tmp/terms.json \
        cargo test --test eval export_terms -- --ignored
    pip install bm25s numpy
    python tests/data/lexicon/make_reference.py /tmp/terms.json > tests/data/lexicon/cranfield_bm25s.json

The reference has ids and scores of the ten best documents of every fifth query, and no text.
"""

import json
import sys

import bm25s
import numpy as np

terms = json.load(open(sys.argv[1]))
ids = [id for id, _ in terms["documents"]]
documents = [list(own) for _, own in terms["documents"]]
retriever = bm25s.BM25(method="lucene", k1=1.2, b=0.75, dtype="float64")
retriever.index(documents, show_progress=False)
queries = {}
for id, query in terms["queries"][::5]:
    scores = retriever.get_scores(query)
    best = np.argsort(-scores, kind="stable")[:10]
    queries[id] = {ids[i]: round(float(scores[i]), 6) for i in best}
json.dump(
    {"made_with": f"bm25s {bm25s.__version__}, lucene, k1 1.2, b 0.75", "queries": queries},
    sys.stdout,
    separators=(",", ":"),
)
print()
