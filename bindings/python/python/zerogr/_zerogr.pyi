from builtins import list as _List
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, Literal, final, overload

from ._arrays import Arrays

_Path = str | PathLike[str]
_Progress = Callable[[str, int, int], object]
_Mode = Literal["planned", "generative", "lexical", "dense", "fusion"]
_Facet = str | tuple[str, Sequence[int | float | str]]
_Durability = Literal["full", "ordered"]
_FieldType = Literal["boolean", "integer", "float", "timestamp", "keyword"]

__version__: str

def check(path: _Path, *, level: Literal["headers", "structure", "full"] = ...) -> dict[str, Any]:
    """Verifies an index file."""

def look_for_runtime_in(folder: _Path) -> None:
    """Adds a folder to those where ONNX Runtime is looked for."""

def run_command(arguments: Sequence[str]) -> int:
    """Runs the command line and returns what the process is to end with."""

@final
class Index:
    """An index file, open. Any number of threads may use it."""

    @staticmethod
    def create(
        path: _Path,
        *,
        encoder: str | PathLike[str] | None = ...,
        fields: Mapping[str, _FieldType] = ...,
        docids: Literal["keywords", "title"] = ...,
        docids_per_document: int = ...,
        docid_words: int = ...,
        passages: bool = ...,
        max_passage_tokens: int = ...,
        token_vectors: bool = ...,
        stemming: bool = ...,
        stop_words: bool = ...,
        embed_encoder: bool = ...,
        language_model: _Path | None = ...,
        seed: int | None = ...,
        device: str = ...,
        threads: int = ...,
    ) -> Index: ...
    @staticmethod
    def open(
        path: _Path,
        *,
        mmap: bool = ...,
        trust_model: bool = ...,
        language_model: _Path | None = ...,
        wait: float = ...,
        lock: bool = ...,
        durability: _Durability = ...,
        device: str = ...,
        threads: int = ...,
    ) -> Index: ...
    # A text is an iterable of texts, too, but the first that fits counts.
    @overload
    def search(  # type: ignore[overload-overlap]
        self,
        query: str,
        *,
        k: int = ...,
        mode: _Mode = ...,
        where: str | None = ...,
        facets: _Facet | Sequence[_Facet] | None = ...,
        instruction: str | None = ...,
        min_similarity: float | None = ...,
        rerank: bool | None = ...,
        explain: bool = ...,
        prefix: bool = ...,
        passages: int = ...,
        draws: int | None = ...,
        planner: float | None = ...,
        prior_share: float | None = ...,
        token_share: float | None = ...,
        retriever: Literal["compact", "lm"] = ...,
        budget_ms: int | None = ...,
        budget_nodes: int | None = ...,
        as_numpy: Literal[False] = ...,
    ) -> SearchResult: ...
    @overload
    def search(
        self,
        query: Iterable[str],
        *,
        k: int = ...,
        mode: _Mode = ...,
        where: str | None = ...,
        facets: _Facet | Sequence[_Facet] | None = ...,
        instruction: str | None = ...,
        min_similarity: float | None = ...,
        rerank: bool | None = ...,
        explain: bool = ...,
        prefix: bool = ...,
        passages: int = ...,
        draws: int | None = ...,
        planner: float | None = ...,
        prior_share: float | None = ...,
        token_share: float | None = ...,
        retriever: Literal["compact", "lm"] = ...,
        budget_ms: int | None = ...,
        budget_nodes: int | None = ...,
        as_numpy: Literal[False] = ...,
    ) -> _List[SearchResult]: ...
    @overload
    def search(
        self,
        query: str | Iterable[str],
        *,
        k: int = ...,
        mode: _Mode = ...,
        where: str | None = ...,
        facets: _Facet | Sequence[_Facet] | None = ...,
        instruction: str | None = ...,
        min_similarity: float | None = ...,
        rerank: bool | None = ...,
        explain: bool = ...,
        prefix: bool = ...,
        passages: int = ...,
        draws: int | None = ...,
        planner: float | None = ...,
        prior_share: float | None = ...,
        token_share: float | None = ...,
        retriever: Literal["compact", "lm"] = ...,
        budget_ms: int | None = ...,
        budget_nodes: int | None = ...,
        as_numpy: Literal[True],
    ) -> Arrays: ...
    def snapshot(self) -> Snapshot: ...
    def refresh(self) -> bool: ...
    def writer(
        self, *, wait: float = ..., lock: bool = ..., durability: _Durability = ...
    ) -> Writer: ...
    def train(
        self,
        *,
        progress: _Progress | None = ...,
        seed: int = ...,
        epochs: int = ...,
        max_examples: int = ...,
        full: bool = ...,
    ) -> dict[str, Any]: ...
    def train_from_judgements(
        self,
        judgements: _Path | Iterable[tuple[str, str] | tuple[str, str, float]],
        *,
        split: str = ...,
        progress: _Progress | None = ...,
        folds: int = ...,
        max_queries: int = ...,
        seed: int = ...,
        epochs: int = ...,
        max_examples: int = ...,
        full: bool = ...,
    ) -> dict[str, Any]: ...
    def forget_judgements(self) -> dict[str, Any]: ...
    def set_expansion_weight(self, weight: float) -> None: ...
    def merge(self) -> dict[str, Any]: ...
    def vacuum(self) -> tuple[int, int]: ...
    def backup(self, path: _Path, *, vacuum: bool = ...) -> None: ...
    def info(self) -> dict[str, Any]: ...
    def check(
        self, *, level: Literal["headers", "structure", "full"] | None = ...
    ) -> dict[str, Any]: ...
    @property
    def path(self) -> PathLike[str]: ...
    def __len__(self) -> int: ...
    def __contains__(self, id: str, /) -> bool: ...
    def get(self, id: str) -> dict[str, Any] | None: ...
    def ids(self) -> _List[str]: ...
    def count(self, *, where: str | None = ...) -> int: ...
    def facet(self, by: _Facet, *, where: str | None = ...) -> _List[tuple[Any, int]]: ...
    def list(
        self,
        *,
        where: str | None = ...,
        sort: str | None = ...,
        descending: bool = ...,
        limit: int | None = ...,
    ) -> _List[str]: ...
    def close(self) -> None: ...
    def __enter__(self) -> Index: ...
    def __exit__(
        self,
        exception: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...

@final
class Snapshot:
    """One committed state of an index: later commits do not change it."""

    # A text is an iterable of texts, too, but the first that fits counts.
    @overload
    def search(  # type: ignore[overload-overlap]
        self,
        query: str,
        *,
        k: int = ...,
        mode: _Mode = ...,
        where: str | None = ...,
        facets: _Facet | Sequence[_Facet] | None = ...,
        instruction: str | None = ...,
        min_similarity: float | None = ...,
        rerank: bool | None = ...,
        explain: bool = ...,
        prefix: bool = ...,
        passages: int = ...,
        draws: int | None = ...,
        planner: float | None = ...,
        prior_share: float | None = ...,
        token_share: float | None = ...,
        retriever: Literal["compact", "lm"] = ...,
        budget_ms: int | None = ...,
        budget_nodes: int | None = ...,
        as_numpy: Literal[False] = ...,
    ) -> SearchResult: ...
    @overload
    def search(
        self,
        query: Iterable[str],
        *,
        k: int = ...,
        mode: _Mode = ...,
        where: str | None = ...,
        facets: _Facet | Sequence[_Facet] | None = ...,
        instruction: str | None = ...,
        min_similarity: float | None = ...,
        rerank: bool | None = ...,
        explain: bool = ...,
        prefix: bool = ...,
        passages: int = ...,
        draws: int | None = ...,
        planner: float | None = ...,
        prior_share: float | None = ...,
        token_share: float | None = ...,
        retriever: Literal["compact", "lm"] = ...,
        budget_ms: int | None = ...,
        budget_nodes: int | None = ...,
        as_numpy: Literal[False] = ...,
    ) -> _List[SearchResult]: ...
    @overload
    def search(
        self,
        query: str | Iterable[str],
        *,
        k: int = ...,
        mode: _Mode = ...,
        where: str | None = ...,
        facets: _Facet | Sequence[_Facet] | None = ...,
        instruction: str | None = ...,
        min_similarity: float | None = ...,
        rerank: bool | None = ...,
        explain: bool = ...,
        prefix: bool = ...,
        passages: int = ...,
        draws: int | None = ...,
        planner: float | None = ...,
        prior_share: float | None = ...,
        token_share: float | None = ...,
        retriever: Literal["compact", "lm"] = ...,
        budget_ms: int | None = ...,
        budget_nodes: int | None = ...,
        as_numpy: Literal[True],
    ) -> Arrays: ...
    @property
    def generation(self) -> int: ...
    def __len__(self) -> int: ...
    def __contains__(self, id: str, /) -> bool: ...
    def get(self, id: str) -> dict[str, Any] | None: ...
    def ids(self) -> _List[str]: ...
    def count(self, *, where: str | None = ...) -> int: ...
    def facet(self, by: _Facet, *, where: str | None = ...) -> _List[tuple[Any, int]]: ...
    def list(
        self,
        *,
        where: str | None = ...,
        sort: str | None = ...,
        descending: bool = ...,
        limit: int | None = ...,
    ) -> _List[str]: ...

@final
class Writer:
    """Changes an index. There is one at a time."""

    def add(self, documents: Any, *, fields: Iterable[str] | None = ...) -> int: ...
    def delete(self, ids: str | Iterable[str]) -> int: ...
    def commit(self, *, progress: _Progress | None = ...) -> dict[str, Any]: ...
    def train(
        self,
        *,
        progress: _Progress | None = ...,
        seed: int = ...,
        epochs: int = ...,
        max_examples: int = ...,
        full: bool = ...,
    ) -> dict[str, Any]: ...
    def train_from_judgements(
        self,
        judgements: _Path | Iterable[tuple[str, str] | tuple[str, str, float]],
        *,
        split: str = ...,
        progress: _Progress | None = ...,
        folds: int = ...,
        max_queries: int = ...,
        seed: int = ...,
        epochs: int = ...,
        max_examples: int = ...,
        full: bool = ...,
    ) -> dict[str, Any]: ...
    def forget_judgements(self) -> dict[str, Any]: ...
    def merge(self) -> dict[str, Any]: ...
    def vacuum(self) -> tuple[int, int]: ...
    def rollback(self) -> None: ...
    def close(self) -> None: ...
    def __enter__(self) -> Writer: ...
    def __exit__(
        self,
        exception: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...

@final
class SearchResult:
    """The hits of one query, best first: a sequence of `Hit`."""

    @property
    def hits(self) -> _List[Hit]: ...
    @property
    def query(self) -> str: ...
    @property
    def complete(self) -> bool: ...
    @property
    def generation(self) -> int: ...
    @property
    def facets(self) -> dict[str, _List[tuple[Any, int]]]: ...
    def documents(self) -> _List[dict[str, Any]]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, position: int, /) -> Hit: ...
    def __iter__(self) -> Iterator[Hit]: ...

@final
class Hit:
    """A document that was found."""

    @property
    def id(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def similarity(self) -> float | None: ...
    @property
    def drawn_score(self) -> float: ...
    @property
    def log_prob(self) -> float: ...
    @property
    def bm25(self) -> float: ...
    @property
    def docid(self) -> str: ...
    @property
    def passages(self) -> _List[Passage]: ...
    @property
    def explanation(self) -> dict[str, Any] | None: ...
    def document(self) -> dict[str, Any]: ...
    def snippet(self, *, max_chars: int | None = ..., semantic: bool = ...) -> Snippet: ...

@final
class Passage:
    """A place in a document."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def headings(self) -> _List[str]: ...
    @property
    def score(self) -> float: ...
    @property
    def docid(self) -> str: ...

@final
class Snippet:
    """A part of a document's text, with what to mark in it."""

    @property
    def text(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def marks(self) -> _List[tuple[int, int, Literal["word", "meaning"]]]: ...
    @property
    def html(self) -> str: ...
