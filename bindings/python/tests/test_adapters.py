"""Adapters, with the libraries that they are for."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

import zerogr
from conftest import PAPERS, needs
from zerogr import ir

QUERIES = {"q1": "thin wings", "q2": "hot plates", "q3": "Balken Holz"}
RELEVANT = {"q1": "wings", "q2": "plates", "q3": "balken"}


def test_nothing_is_imported_that_was_not_asked_for():
    code = """
import sys, zerogr, zerogr.ir
print({"numpy", "pandas", "pyarrow", "onnxruntime", "pyterrier", "ir_datasets", "ir_measures",
       "langchain_core", "llama_index"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    """The papers in the layout of BEIR, one file of it packed."""
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    with gzip.open(folder / "corpus.jsonl.gz", "wt", encoding="utf-8") as file:
        for paper in PAPERS:
            print(json.dumps({**paper, "_id": paper["id"], "id": None}), file=file)
    lines = [json.dumps({"_id": query, "text": text}) for query, text in QUERIES.items()]
    lines.append(json.dumps({"_id": "train", "text": "is not judged here"}))
    (folder / "queries.jsonl").write_text("\n".join(lines))
    rows = [f"{query}\t{document}\t1" for query, document in RELEVANT.items()]
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *rows]))
    return folder


def test_a_folder_of_beir(beir, tmp_path):
    index = zerogr.Index.create(tmp_path / "a.zgr", encoder=None)
    with index.writer() as writer:
        assert writer.add({**one, "id": one["_id"]} for one in ir.documents(beir)) == 3
    assert ir.queries(beir) == ir.queries(str(beir)) == QUERIES
    found = list(ir.scored_docs(index, ir.queries(beir), k=1))
    assert {one.query_id: one.doc_id for one in found} == RELEVANT
    assert {one.query_id: one.doc_id for one in ir.qrels(beir)} == RELEVANT


def test_ir_datasets_and_ir_measures(tmp_path):
    ir_datasets = needs("ir_datasets")
    ir_measures = needs("ir_measures")
    (tmp_path / "docs.tsv").write_text("".join(f"{one['id']}\t{one['text']}\n" for one in PAPERS))
    (tmp_path / "queries.tsv").write_text("".join(f"{q}\t{text}\n" for q, text in QUERIES.items()))
    (tmp_path / "qrels").write_text("".join(f"{q} 0 {d} 1\n" for q, d in RELEVANT.items()))
    dataset = ir_datasets.create_dataset(
        docs_tsv=str(tmp_path / "docs.tsv"),
        queries_tsv=str(tmp_path / "queries.tsv"),
        qrels_trec=str(tmp_path / "qrels"),
    )
    index = zerogr.Index.create(tmp_path / "a.zgr", encoder=None)
    with index.writer() as writer:
        assert writer.add(ir.documents(dataset)) == 3
    assert index.get("wings")["text"] == PAPERS[0]["text"]
    assert ir.queries(dataset) == QUERIES
    found = list(ir.scored_docs(index, dataset.queries_iter(), k=10))
    measures = ir_measures.calc_aggregate([ir_measures.nDCG @ 10], ir.qrels(dataset), found)
    assert measures == {ir_measures.nDCG @ 10: 1.0}


def test_a_retriever_for_frames(words):
    pandas = needs("pandas")
    from zerogr.pyterrier import Retriever

    topics = pandas.DataFrame({"qid": list(QUERIES), "query": list(QUERIES.values()), "topic": 7})
    topics.loc[3] = ["q4", " ", 7]
    retriever = Retriever(words, k=2, mode="lexical")
    found = retriever(topics)
    assert list(found.columns) == ["qid", "query", "topic", "docno", "score", "rank"]
    first = found[found["rank"] == 0]
    assert dict(zip(first["qid"], first["docno"])) == RELEVANT
    for query, rows in found.groupby("qid"):
        hits = words.search(QUERIES[query], k=2, mode="lexical")
        assert rows["docno"].tolist() == [hit.id for hit in hits]
        assert rows["score"].tolist() == [hit.score for hit in hits]
        assert rows["rank"].tolist() == list(range(len(hits)))
    assert retriever.transform(found).equals(found)
    assert len(retriever.transform(topics.iloc[:0])) == 0
    assert "k=2" in repr(retriever)


def test_pyterrier(words):
    pandas = needs("pandas")
    pyterrier = needs("pyterrier")
    from zerogr.pyterrier import Retriever

    retriever = Retriever(words, k=2)
    assert isinstance(retriever, pyterrier.Transformer)
    assert retriever.search("thin wings")["docno"].tolist()[0] == "wings"
    topics = pandas.DataFrame({"qid": list(QUERIES), "query": list(QUERIES.values())})
    qrels = pandas.DataFrame({"qid": list(RELEVANT), "docno": list(RELEVANT.values()), "label": 1})
    pipeline = retriever % 1
    table = pyterrier.Experiment([retriever, pipeline], topics, qrels, ["ndcg_cut_10", "map"])
    assert table["ndcg_cut_10"].tolist() == [1.0, 1.0]


def test_langchain(words):
    needs("langchain_core")
    from zerogr.langchain import ZerogrRetriever

    retriever = ZerogrRetriever(index=words, k=1, options={"where": "year < 1960"})
    (document,) = retriever.invoke("thin wings")
    assert (document.id, document.page_content) == ("wings", PAPERS[0]["text"])
    assert document.metadata["score"] > 0
    del document.metadata["score"]
    assert document.metadata == {
        "title": "Wing flutter",
        "year": 1958,
        "lang": "en",
        "tags": ["air"],
    }


def test_llama_index(words):
    needs("llama_index.core")
    from zerogr.llama_index import ZerogrRetriever

    (found,) = ZerogrRetriever(words, k=1).retrieve("thin wings")
    assert found.node.id_ == "wings" and found.score > 0
    assert found.node.text == PAPERS[0]["text"]
    assert found.node.metadata["year"] == 1958
