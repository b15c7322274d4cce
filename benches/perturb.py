"""Copies a judged folder with its queries spoilt: `perturb.py FOLDER OUT typos|upper [SEED]`.

typos: one edit (a letter left out, doubled, replaced, or swapped with the next one) in every third
word of each query. upper: all letters upper case. Judgements are copied and the corpus is linked, so
that an index of it can be measured (`zerogr eval INDEX OUT`).
"""

import gzip
import json
import random
import shutil
import sys
from pathlib import Path

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def edited(word: str, draw: random.Random) -> str:
    if len(word) < 2:
        return word
    at = draw.randrange(len(word) - 1)
    kind = draw.randrange(4)
    if kind == 0:
        return word[:at] + word[at + 1 :]
    if kind == 1:
        return word[: at + 1] + word[at:]
    if kind == 2:
        return word[:at] + draw.choice(LETTERS) + word[at + 1 :]
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def with_typos(text: str, draw: random.Random) -> str:
    words = text.split()
    return " ".join(edited(word, draw) if n % 3 == 2 else word for n, word in enumerate(words))


def main() -> None:
    folder, out, kind = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    draw = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 0)
    change = {"typos": lambda text: with_typos(text, draw), "upper": str.upper}[kind]
    out.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder / "qrels", out / "qrels", dirs_exist_ok=True)
    corpus = out / "corpus.jsonl.gz"
    if not corpus.exists():
        corpus.symlink_to((folder / "corpus.jsonl.gz").resolve())
    with gzip.open(folder / "queries.jsonl.gz", "rt", encoding="utf-8") as lines:
        queries = [json.loads(line) for line in lines]
    with open(out / "queries.jsonl", "w", encoding="utf-8") as lines:
        for query in queries:
            lines.write(json.dumps({**query, "text": change(query["text"])}) + "\n")


main()
