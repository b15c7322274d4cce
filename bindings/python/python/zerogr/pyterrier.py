"""A transformer of PyTerrier: from `qid, query` to `qid, query, docno, score, rank`.

    >>> from zerogr.pyterrier import Retriever
    >>> pt.Experiment([Retriever(index), bm25], topics, qrels, ["ndcg_cut_10"])

It works on frames of pandas without PyTerrier, too; with it, it is a `pyterrier.Transformer`.
"""

from __future__ import annotations

from typing import Any

import pandas

from ._zerogr import Index, Snapshot

try:
    from pyterrier import Transformer
except ImportError:

    class Transformer:  # type: ignore[no-redef]
        """What a retriever needs of it where PyTerrier is not installed."""

        def __call__(self, topics: pandas.DataFrame) -> pandas.DataFrame:
            """Transforms a frame."""
            return self.transform(topics)  # type: ignore[attr-defined]


#: Columns that a retriever gives itself.
_FOUND = ("docno", "score", "rank")


class Retriever(Transformer):
    """Searches an index.

    Args:
        index: What is searched.
        k: Hits of each query.
        options: Of `Index.search`.
    """

    def __init__(self, index: Index | Snapshot, *, k: int = 1000, **options: Any) -> None:
        super().__init__()
        self.index = index
        self.k = k
        self.options = options

    def transform(self, topics: pandas.DataFrame) -> pandas.DataFrame:
        """The hits of all queries, best first. Other columns of the queries are kept."""
        queries = topics[[name for name in topics.columns if name not in _FOUND]]
        # A query without a word finds nothing.
        queries = queries[queries["query"].str.strip() != ""]
        found = self.index.search(list(queries["query"]), k=self.k, as_numpy=True, **self.options)
        columns = found.scores.shape[1]
        is_hit = (found.ids != "").ravel()
        rows = queries.loc[queries.index.repeat(columns)].reset_index(drop=True)
        rows["docno"] = found.ids.ravel().astype(object)
        rows["score"] = found.scores.ravel()
        rows["rank"] = list(range(columns)) * len(queries)
        return rows[is_hit].reset_index(drop=True)

    def __repr__(self) -> str:
        return f"Retriever({self.index!r}, k={self.k})"

