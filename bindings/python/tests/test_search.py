"""Searches and what they find."""

from __future__ import annotations

import math

import pytest

import zerogr


def test_a_search_by_meaning(papers):
    result = papers.search("why does an airfoil shake?", k=2, explain=True)
    assert [hit.id for hit in result][0] == "wings"
    assert len(result) == len(result.hits) == 2
    assert result.complete and result.generation == papers.snapshot().generation
    best = result[0]
    assert best.score == result[-2].score > result[1].score
    assert -1 <= best.similarity <= 1 and best.log_prob < 0
    assert best.document()["title"] == "Wing flutter"
    assert [one["_id"] for one in result.documents()] == [hit.id for hit in result]
    explanation = best.explanation
    decision = explanation["decisions"][0]
    assert decision["text"] and best.docid.startswith(decision["text"])
    assert math.isclose(
        explanation["docid_log_prob"], sum(one["log_prob"] for one in explanation["decisions"])
    )
    with pytest.raises(IndexError):
        result[2]
    assert "wings" in repr(best) and "2 hits" in repr(result)


def test_options_say_what_is_found(papers):
    def found(query="hot wing", **options):
        return [hit.id for hit in papers.search(query, **options)]

    assert set(found()) == {"wings", "plates", "balken"}
    assert len(found(k=1)) == 1
    assert set(found(where="year < 1960")) == {"wings"}
    assert set(found(mode="lexical")) == {"wings", "plates"}
    assert found("flu", mode="lexical", prefix=True) == ["wings"]
    assert found("flu", mode="lexical") == []
    assert found("flutter", min_similarity=0.99) == []
    assert papers.search("wing", rerank=False)[0].id == "wings"
    for mode in ("generative", "dense", "fusion"):
        assert found("thin wings", mode=mode)[0] == "wings"
    assert not papers.search("wing", budget_nodes=0, mode="generative").complete


def test_facets_count_what_passes(papers):
    result = papers.search("wing", k=1, where="year > 1960", facets=["lang", ("year", [1970])])
    assert result.facets == {
        "lang": [("de", 1), ("en", 1)],
        "year": [("below 1970", 1), ("from 1970", 1)],
    }
    assert papers.search("wing").facets == {}


def test_a_snippet_marks_the_words(papers):
    text = papers.get("wings")["text"]
    hit = papers.search("fluttering wing", k=1, where="id('wings')")[0]
    snippet = hit.snippet(max_chars=45)
    assert snippet.text == text[snippet.start : snippet.end]
    assert [snippet.text[start:end] for start, end, _ in snippet.marks] == ["flutter", "wing"]
    assert {kind for *_, kind in snippet.marks} == {"word"}
    assert "<mark>flutter</mark>" in snippet.html
    by_meaning = papers.search("oscillation of an airfoil", k=1, where="id('wings')")[0]
    assert by_meaning.snippet().marks == []
    kinds = {kind for *_, kind in by_meaning.snippet(semantic=True).marks}
    assert kinds == {"meaning"}


def test_places_in_a_long_document(tmp_path):
    text = "\n\n".join(f"# Part {n}\n\n" + f"The topic is number{n}. " * 60 for n in range(6))
    index = zerogr.Index.create(tmp_path / "long.zgr", encoder=None)
    with index.writer() as writer:
        writer.add({"id": "long.md", "text": text})
    passage = index.search("number4")[0].passages[0]
    assert "number4" in text[passage.start : passage.end]
    assert passage.headings == ["Part 4"]


def test_many_queries_are_each_answered(papers):
    queries = ["thin wings", "hot plates", "Balken aus Holz"] * 20
    results = papers.search(queries, k=2)
    assert [result.query for result in results] == queries
    for query, result in zip(queries, results):
        alone = papers.search(query, k=2)
        assert [(hit.id, hit.score) for hit in result] == [(hit.id, hit.score) for hit in alone]
    assert papers.search([]) == []
    assert [len(one) for one in papers.search(iter(queries[:2]))] == [3, 3]
    with pytest.raises(zerogr.InvalidInputError, match="query 1: the query is empty"):
        papers.search(["wing", " ", "heat"])


def test_arrays_have_what_objects_have(papers):
    numpy = pytest.importorskip("numpy")
    queries = ["wing", "hot", "nothingofthekind", "Balken Holz"]
    arrays = papers.search(queries, mode="lexical", as_numpy=True)
    results = papers.search(queries, mode="lexical")
    assert arrays.counts.tolist() == [len(result) for result in results]
    assert arrays.ids.shape == arrays.scores.shape == (4, max(arrays.counts))
    for row, result in enumerate(results):
        count = len(result)
        assert arrays.ids[row, :count].tolist() == [hit.id for hit in result]
        assert arrays.scores[row, :count].tolist() == [hit.score for hit in result]
        assert numpy.isnan(arrays.scores[row, count:]).all()
        assert (arrays.ids[row, count:] == "").all()
    one = papers.search("wing", as_numpy=True)
    assert one.ids.tolist() == [hit.id for hit in papers.search("wing")]
    assert one.counts == len(one.scores)
    none = papers.search("nothingofthekind", mode="lexical", as_numpy=True)
    assert (none.ids.shape, none.counts) == ((0,), 0)
    assert papers.search([], as_numpy=True).ids.shape == (0, 0)
    one.scores[0] = 0  # They are the caller's.


def test_ids_of_any_letters_are_in_arrays(tmp_path):
    numpy = pytest.importorskip("numpy")
    names = ["a", "日本語の文書", "🛩️-ü"]
    index = zerogr.Index.create(tmp_path / "a.zgr", encoder=None)
    with index.writer() as writer:
        writer.add({"id": name, "text": "word"} for name in names)
    assert sorted(index.search("word", as_numpy=True).ids.tolist()) == sorted(names)
    assert index.search("word", as_numpy=True).ids.dtype.kind == numpy.dtype("U").kind


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"kk": 1}, TypeError, "unexpected keyword argument 'kk'"),
        ({"k": "ten"}, TypeError, "argument 'k'"),
        ({"k": -1}, ValueError, "argument 'k'"),
        ({"mode": "best"}, zerogr.InvalidInputError, '"best" is none of "planned"'),
        ({"where": "year >"}, zerogr.InvalidInputError, "column"),
        ({"where": "colour = 'red'"}, zerogr.InvalidInputError, "colour"),
        ({"facets": [7]}, TypeError, "a facet is the name of a field"),
        ({"facets": ["colour"]}, zerogr.InvalidInputError, "colour"),
        ({"min_similarity": 2}, zerogr.InvalidInputError, "between -1 and 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(words, options, error, message):
    with pytest.raises(error, match=message):
        words.search("wing", **options)


def test_training_tells_how_far_it_is(papers):
    stages = []
    report = papers.train(progress=lambda *told: stages.append(told), seed=3, epochs=1)
    assert report["generation"] == papers.snapshot().generation
    names = [stage for stage, *_ in stages]
    assert {"encoding pseudo-queries", "fitting the trie head"} <= set(names)
    assert stages[-1] == ("writing", 1, 1)
    assert all(0 <= done <= total for _, done, total in stages)
    with pytest.raises(TypeError, match="argument 'full'"):
        papers.train(full="maybe")


def test_an_index_of_words_has_nothing_to_train(words):
    with pytest.raises(zerogr.InvalidInputError, match="no encoder"):
        words.train()
    # The lock was given back.
    words.writer().close()
