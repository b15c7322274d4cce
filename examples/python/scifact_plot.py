"""How good are the modes on judged queries? A notebook as a script: cells begin with `# %%`.

    python scifact_plot.py [FOLDER] [PLOT.png]

FOLDER is a collection in the layout of BEIR, such as SciFact. Without one, a small one is made here.
Without matplotlib the numbers are printed and nothing is drawn.
"""

# %% What is measured
import math
import sys
import tempfile
from pathlib import Path

import zerogr
from zerogr import ir

zerogr.setup()
work = tempfile.TemporaryDirectory()
place = Path(work.name)


# %% A collection
def small_collection(folder: Path) -> Path:
    """A dozen documents with a query each, in words that the documents do not all have."""
    import json

    pairs = [
        ("Thin wings may vibrate at high speed.", "why does an airfoil shake?"),
        ("Plates in a hot stream take up heat.", "warming of flat surfaces"),
        ("Cylinders buckle under small loads.", "collapse of tubes"),
        ("Cats sleep most of the day.", "how long do felines rest?"),
        ("Bread rises because yeast makes gas.", "why does dough grow?"),
        ("Rain falls when clouds cool.", "what causes precipitation?"),
        ("The heart pumps blood through the body.", "organ that moves blood"),
        ("Iron rusts where it is wet.", "corrosion of metal"),
        ("Bees tell each other where flowers are.", "communication of insects"),
        ("Glaciers carve valleys.", "how ice shapes land"),
        ("Vaccines train the immune system.", "protection from infection"),
        ("Sound is slower in cold air.", "acoustic velocity and temperature"),
    ]
    (folder / "qrels").mkdir(parents=True)
    with open(folder / "corpus.jsonl", "w", encoding="utf-8") as corpus:
        for number, (text, _) in enumerate(pairs):
            print(json.dumps({"_id": f"d{number}", "title": "", "text": text}), file=corpus)
    with open(folder / "queries.jsonl", "w", encoding="utf-8") as queries:
        for number, (_, text) in enumerate(pairs):
            print(json.dumps({"_id": f"q{number}", "text": text}), file=queries)
    with open(folder / "qrels" / "test.tsv", "w", encoding="utf-8") as qrels:
        print("query-id\tcorpus-id\tscore", file=qrels)
        for number in range(len(pairs)):
            print(f"q{number}\td{number}\t1", file=qrels)
    return folder


given = sys.argv[1:] if __name__ == "__main__" else []
collection = Path(given[0]) if given else small_collection(place / "small")
judgements = ir.qrels(collection)
queries = ir.queries(collection)

# %% An index
index = zerogr.Index.create(place / "collection.zgr")
with index.writer() as writer:
    writer.add(ir.documents(collection))
    writer.train()
print(f"{len(index)} documents, {len(queries)} queries")


# %% nDCG@10 of every mode
def ndcg(run: list, k: int = 10) -> float:
    """The mean over queries of the discounted gain, as a share of the best there could be."""
    grades: dict = {}
    for one in judgements:
        grades.setdefault(one.query_id, {})[one.doc_id] = one.relevance
    gains: dict = {query: [] for query in queries}
    for one in run:
        gains[one.query_id].append(grades[one.query_id].get(one.doc_id, 0))
    total = 0.0
    for query, found in gains.items():
        best = sorted(grades[query].values(), reverse=True)
        total += _discounted(found[:k]) / (_discounted(best[:k]) or 1.0)
    return total / len(gains)


def _discounted(gains: list) -> float:
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


modes = ["planned", "generative", "dense", "lexical"]
scores = {mode: ndcg(list(ir.scored_docs(index, queries, k=10, mode=mode))) for mode in modes}
for mode, score in scores.items():
    print(f"{mode:12} {score:.3f}")

# %% A plot
try:
    import matplotlib
except ImportError:
    print("matplotlib is not installed: nothing is drawn")
else:
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 3), layout="constrained")
    bars = axes.bar(list(scores), list(scores.values()), color="#3b6ea5")
    axes.bar_label(bars, fmt="%.3f")
    axes.set_ylabel("nDCG@10")
    axes.set_ylim(0, 1.05)
    axes.set_title(collection.name)
    axes.spines[["top", "right"]].set_visible(False)
    picture = Path(given[1]) if len(given) > 1 else place / "modes.png"
    figure.savefig(picture, dpi=150)
    print(f"plot: {picture}")

# %%
index.close()
work.cleanup()
