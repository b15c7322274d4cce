"""A retriever for LangChain.

    >>> from zerogr.langchain import ZerogrRetriever
    >>> ZerogrRetriever(index=index, k=4).invoke("why do wings shake?")
"""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field

from ._hits import title_text_and_metadata
from ._zerogr import Index, Snapshot


class ZerogrRetriever(BaseRetriever):
    """Searches an index. Documents have their text, and as metadata fields, `title`, `score` and what
    else was kept with them."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    index: Index | Snapshot
    """What is searched."""
    k: int = 4
    """Hits of a query."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Of `Index.search`."""

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        documents = []
        for hit in self.index.search(query, k=self.k, **self.options):
            title, text, metadata = title_text_and_metadata(hit)
            metadata = {**metadata, "title": title, "score": hit.score}
            documents.append(Document(id=hit.id, page_content=text, metadata=metadata))
        return documents
