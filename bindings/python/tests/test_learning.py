"""What an index learns from what its users know, and from queries that a model wrote."""

import json
import math

import pytest

import zerogr


def known(papers: zerogr.Index, copies: int = 8) -> list[tuple[str, str, float]]:
    """Queries of the titles' words, each with its document and one that is no answer."""
    ids = papers.ids()
    return [
        (f"about {papers.get(id)['title']} {number}", one, weight)
        for number in range(copies)
        for id, other in zip(ids, ids[1:] + ids[:1])
        for one, weight in ((id, 1.0), (other, 0.0))
    ]


def test_judgements_are_learnt_from_and_forgotten(papers):
    options = {"seed": 3, "epochs": 1}
    stages = []
    papers.train(**options)

    def found():
        return [(hit.id, hit.score) for hit in papers.search("a wing in a stream", k=3)]

    before = found()
    judged = known(papers)
    report = papers.train_from_judgements(
        judged, progress=lambda *told: stages.append(told), folds=3, **options
    )
    assert report["judgements"] == len(judged)
    assert report["queries"] == len({query for query, *_ in judged})
    assert stages
    assert all(0 <= done <= total for _, done, total in stages)
    papers.forget_judgements()
    assert found() == before


def test_files_and_tuples_teach_the_same(papers, tmp_path):
    judged = known(papers, copies=2)
    clicks = tmp_path / "clicks.jsonl"
    with clicks.open("w") as file:
        for query, id, weight in judged:
            print(json.dumps({"query": query, "id": id, "weight": weight}), file=file)
    of_tuples = papers.train_from_judgements(iter(judged), max_queries=100)
    with papers.writer() as writer:
        of_file = writer.train_from_judgements(clicks, max_queries=100)
        writer.forget_judgements()
    of_tuples.pop("generation"), of_file.pop("generation")
    assert of_file == of_tuples
    assert papers.train_from_judgements([("wings", papers.ids()[0])])["judgements"] == 1


@pytest.mark.parametrize(
    ("judgements", "error", "message"),
    [
        ([("wings",)], TypeError, "judgement 0: a tuple of a query"),
        ([("wings", "a"), ("wings", 1)], TypeError, "judgement 1"),
        ([("wings", "a", "often")], TypeError, "judgement 0"),
        (["wi"], TypeError, "judgement 0"),
        (7, TypeError, "iterable"),
        ([(" ", "a")], zerogr.InvalidInputError, "judgement 0: the query is blank"),
        ([("wings", "a", math.nan)], zerogr.InvalidInputError, "not a finite number"),
        ("no/such/folder", zerogr.NotFoundError, "such"),
    ],
)
def test_what_are_no_judgements_is_refused(papers, judgements, error, message):
    generation = papers.snapshot().generation
    with pytest.raises(error, match=message):
        papers.train_from_judgements(judgements)
    with pytest.raises(TypeError, match="unexpected keyword argument 'depth'"):
        papers.train_from_judgements([], depth=3)
    assert papers.snapshot().generation == generation
    papers.writer().close()


def test_judgements_of_unknown_documents_are_refused(papers):
    with pytest.raises(zerogr.InvalidInputError, match="in the index"):
        papers.train_from_judgements([("wings", "nothing has it")])
    papers.writer().close()


def test_expansion_takes_a_weight(words):
    words.set_expansion_weight(0.1)
    assert [hit.id for hit in words.search("wing")]
    words.set_expansion_weight(0)
    with pytest.raises(zerogr.InvalidInputError, match="weight of expansion"):
        words.set_expansion_weight(-1)
