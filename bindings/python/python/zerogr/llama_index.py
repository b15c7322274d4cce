"""A retriever for LlamaIndex.

    >>> from zerogr.llama_index import ZerogrRetriever
    >>> ZerogrRetriever(index, k=4).retrieve("why do wings shake?")
"""

from __future__ import annotations

from typing import Any

from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from ._hits import title_text_and_metadata
from ._zerogr import Index, Snapshot


class ZerogrRetriever(BaseRetriever):
    """Searches an index.

    Args:
        index: What is searched.
        k: Hits of a query.
        options: Of `Index.search`.
    """

    def __init__(self, index: Index | Snapshot, *, k: int = 4, **options: Any) -> None:
        self._index = index
        self._k = k
        self._options = options
        super().__init__()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        nodes = []
        for hit in self._index.search(query_bundle.query_str, k=self._k, **self._options):
            title, text, metadata = title_text_and_metadata(hit)
            node = TextNode(id_=hit.id, text=text, metadata={**metadata, "title": title})
            nodes.append(NodeWithScore(node=node, score=hit.score))
        return nodes
