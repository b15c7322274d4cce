"""The stubs say what the module has."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import zerogr
from zerogr import _zerogr

STUBS = ast.parse(Path(zerogr.__file__).with_name("_zerogr.pyi").read_text())


def of_stub(function: ast.FunctionDef) -> list[str]:
    names = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    return [one.arg for one in names if one.arg != "self"]


def of_module(function) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


def is_own(name: str) -> bool:
    return not name.startswith("_") or name in ("__enter__", "__exit__", "__version__")


def test_the_stubs_have_every_name_and_parameter():
    stubbed = {node.name: node for node in STUBS.body if hasattr(node, "name")}
    there = {name for name in vars(_zerogr) if is_own(name)} - {"__version__"}
    assert set(stubbed) == there
    for name, node in stubbed.items():
        value = getattr(_zerogr, name)
        if isinstance(node, ast.FunctionDef):
            assert of_stub(node) == of_module(value), name
            continue
        methods = {one.name: one for one in node.body if isinstance(one, ast.FunctionDef)}
        own = {one for one in vars(value) if is_own(one)}
        assert {one for one in methods if is_own(one)} == own, name
        for method in own:
            if callable(getattr(value, method)) and method != "__exit__":
                assert of_stub(methods[method]) == of_module(getattr(value, method)), method


def test_everything_says_what_it_is():
    for name in zerogr.__all__:
        value = getattr(zerogr, name)
        assert name == "__version__" or inspect.getdoc(value), name
    for cls in (zerogr.Index, zerogr.Snapshot, zerogr.Writer, zerogr.SearchResult, zerogr.Hit):
        for method, value in vars(cls).items():
            assert method.startswith("_") or inspect.getdoc(value), method
