"""Corpora of 1,000, 10,000 and 100,000 real documents, each a prefix of the next, and queries.

    mkdir -p LISTS/partial
    apt-get update -o Acquire::Languages=en -o Dir::State::lists=LISTS
    python3 benches/scale_corpus.py LISTS COLLECTIONS OUTPUT

Documents are the package descriptions of Debian's package lists (id and title hold the name,
the text is the long description) and the corpora of all BEIR-like folders below COLLECTIONS.
Of documents with the same text one is kept; the order is a seeded shuffle. Queries are short
package descriptions and queries of the collections: they are for latency, no judgements go with
them.
"""

import gzip
import json
import random
import subprocess
import sys
from pathlib import Path

SIZES = {"1k": 1_000, "10k": 10_000, "100k": 100_000}
QUERIES = 500
SEED = 7


def paragraphs(lists):
    """The fields of every package of every English translation file."""
    for path in sorted(lists.glob("*_i18n_Translation-en*")):
        helper = ["/usr/lib/apt/apt-helper", "cat-file", str(path)]
        text = subprocess.run(helper, check=True, capture_output=True, text=True).stdout
        for paragraph in text.split("\n\n"):
            fields, name = {}, None
            for line in paragraph.splitlines():
                if line.startswith(" "):
                    fields[name].append("" if line == " ." else line.strip())
                else:
                    name, _, first = line.partition(": ")
                    fields[name] = [first]
            if "Description-en" in fields:
                yield fields


def packages(lists):
    for fields in paragraphs(lists):
        name, (short, *long) = fields["Package"][0], fields["Description-en"]
        yield {
            "_id": f"debian/{name}",
            "title": f"{name}: {short}",
            "text": "\n".join(long),
        }, short


def lines(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def main():
    lists, collections, output = map(Path, sys.argv[1:])
    documents, queries, texts = {}, [], set()

    def add(document):
        key = document["text"].strip() or document["title"]
        if key and key not in texts:
            texts.add(key)
            documents[document["_id"]] = document

    for document, short in packages(lists):
        add(document)
        queries.append(short)
    for path in sorted(collections.rglob("corpus.jsonl.gz")):
        folder = path.parent
        for line in lines(path):
            add({
                "_id": f"{folder.name}/{line['_id']}",
                "title": line.get("title") or "",
                "text": line["text"],
            })
        queries.extend(line["text"] for line in lines(folder / "queries.jsonl.gz"))

    documents = [documents[key] for key in sorted(documents)]
    print(len(documents), "documents")
    random.Random(SEED).shuffle(documents)
    output.mkdir(parents=True, exist_ok=True)
    for name, count in SIZES.items():
        with open(output / f"corpus-{name}.jsonl", "w", encoding="utf-8") as file:
            for document in documents[:count]:
                print(json.dumps(document, ensure_ascii=False), file=file)
    queries = sorted(set(filter(str.strip, queries)))
    random.Random(SEED).shuffle(queries)
    with open(output / "queries.jsonl", "w", encoding="utf-8") as file:
        for number, text in enumerate(queries[:QUERIES]):
            print(json.dumps({"_id": str(number), "text": text}, ensure_ascii=False), file=file)


if __name__ == "__main__":
    main()
