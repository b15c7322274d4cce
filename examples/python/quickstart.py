"""Index a few papers, train, search, and look at what was found.

    pip install zerogr && python quickstart.py

The first run installs ONNX Runtime and the encoder (`zerogr.setup`).
"""

import tempfile
from pathlib import Path

import zerogr

PAPERS = [
    {
        "id": "flutter",
        "title": "Wing flutter",
        "text": "Thin wings may vibrate at high speed. Beyond a critical speed the vibration grows.",
        "metadata": {"year": 1958},
    },
    {
        "id": "heat",
        "title": "Heat transfer",
        "text": "Plates in a hot stream take up heat through the boundary layer.",
        "metadata": {"year": 1963},
    },
    {
        "id": "shells",
        "title": "Buckling of shells",
        "text": "Thin cylinders buckle under a load that is far below the theoretical one.",
        "metadata": {"year": 1941},
    },
]


def main(path: Path) -> None:
    zerogr.setup()

    with zerogr.Index.create(path) as index:
        with index.writer() as writer:
            writer.add(PAPERS)
            # Commits, and fits the index to its documents.
            writer.train(progress=lambda stage, done, total: None)

        for hit in index.search("why does an airfoil shake?", k=2, explain=True):
            print(f"{hit.score:6.3f}  {hit.id:8} [{hit.docid}]")
            print(f"        {hit.snippet(max_chars=60).text}")
            for decision in hit.explanation["decisions"]:
                print(f"        {decision['log_prob']:6.2f}  {decision['text']}")

        print("after 1950:", [hit.id for hit in index.search("thin", where="year > 1950")])
        print("by decade:", index.facet(("year", [1950, 1960])))

        # Several queries at once, on all cores.
        for result in index.search(["hot plates", "thin shells"], k=1):
            print(result.query, "->", result[0].id)

        try:
            index.search("thin", where="year >")
        except zerogr.InvalidInputError as error:
            print("refused:", error)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder) / "papers.zgr")
