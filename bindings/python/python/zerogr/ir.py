"""Collections of information retrieval, in and out.

Documents, queries and judgements come from a data set of `ir_datasets`, from its name, or from a folder
in the layout of BEIR (`corpus.jsonl`, `queries.jsonl`, `qrels/test.tsv`; each may end in `.gz`).
Results go out as `ScoredDoc`, which `ir_measures` measures:

    >>> from zerogr import ir
    >>> found = ir.scored_docs(index, ir.queries("beir/scifact/test"), k=10)
    >>> ir_measures.calc_aggregate([nDCG @ 10], ir.qrels("beir/scifact/test"), found)
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from ._zerogr import Index, Snapshot


class Qrel(NamedTuple):
    """A judgement, as `ir_measures` has it."""

    query_id: str
    doc_id: str
    relevance: int


class ScoredDoc(NamedTuple):
    """A document of a run, as `ir_measures` has it."""

    query_id: str
    doc_id: str
    score: float


#: Members of a document that are not kept as they are called.
_TITLES = ("title", "headline")
_TEXTS = ("text", "abstract", "body", "contents", "doc")


def documents(source: Any) -> Iterator[dict[str, Any]]:
    """The documents of a collection, for `Writer.add`.

    Args:
        source: A data set of `ir_datasets`, its name, or a folder.
    """
    folder = _folder(source)
    if folder is not None:
        yield from _lines(folder / "corpus.jsonl")
        return
    for document in _dataset(source).docs_iter():
        members = document._asdict()
        title = next((members[name] for name in _TITLES if members.get(name)), "")
        text = next((members[name] for name in _TEXTS if members.get(name)), None)
        yield {
            "id": document.doc_id,
            "title": title,
            "text": document.default_text() if text is None else text,
        }


def queries(source: Any, split: str = "test") -> dict[str, str]:
    """The texts of queries by their ids: of a folder, those that are judged in a split.

    Args:
        source: A data set of `ir_datasets`, its name, or a folder.
        split: The file in `qrels` of a folder.
    """
    folder = _folder(source)
    if folder is None:
        return {one.query_id: one.default_text() for one in _dataset(source).queries_iter()}
    judged = {one.query_id for one in qrels(source, split)}
    lines = _lines(folder / "queries.jsonl")
    return {one["_id"]: one["text"] for one in lines if one["_id"] in judged}


def qrels(source: Any, split: str = "test") -> list[Qrel]:
    """The judgements of a collection.

    Args:
        source: A data set of `ir_datasets`, its name, or a folder.
        split: The file in `qrels` of a folder.
    """
    folder = _folder(source)
    if folder is None:
        judged = _dataset(source).qrels_iter()
        return [Qrel(one.query_id, one.doc_id, one.relevance) for one in judged]
    with _open(folder / "qrels" / f"{split}.tsv") as file:
        rows = [line.rstrip("\r\n").split("\t") for line in file]
    # The names of the columns stand first.
    return [Qrel(query, document, int(grade)) for query, document, grade in rows[1:]]


def scored_docs(
    index: Index | Snapshot,
    queries: Mapping[str, str] | Iterable[Any],
    *,
    k: int = 1000,
    **options: Any,
) -> Iterator[ScoredDoc]:
    """Searches for all queries.

    Scores are those of the index, by which measures order; what is equal there stays in the order that
    the index gave it.

    Args:
        index: What is searched.
        queries: Texts by ids, or queries of `ir_datasets`.
        k: Hits of each query.
        options: Of `Index.search`.
    """
    if isinstance(queries, Mapping):
        texts = dict(queries)
    else:
        others: Iterable[Any] = queries
        texts = {one.query_id: one.default_text() for one in others}
    for query, result in zip(texts, index.search(list(texts.values()), k=k, **options)):
        for hit in result:
            yield ScoredDoc(query, hit.id, hit.score)


def _folder(source: Any) -> Path | None:
    if isinstance(source, os.PathLike) or (isinstance(source, str) and os.path.isdir(source)):
        return Path(source)
    return None


def _dataset(source: Any) -> Any:
    if not isinstance(source, str):
        return source
    import ir_datasets

    return ir_datasets.load(source)


def _open(path: Path) -> IO[str]:
    packed = path.with_name(f"{path.name}.gz")
    if packed.exists() and not path.exists():
        return gzip.open(packed, "rt", encoding="utf-8")
    return open(path, encoding="utf-8")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with _open(path) as file:
        for line in file:
            if line.strip():
                yield json.loads(line)
