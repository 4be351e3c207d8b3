"""Bounds are found in one place and mean one thing."""

import ast
import importlib
import inspect
import pkgutil
from collections import Counter
from types import ModuleType

from gateway.model import limits

_FILES = [importlib.import_module(f"{limits.__name__}.{one.name}") for one in pkgutil.iter_modules(limits.__path__)]


def _named_in(module: ModuleType) -> list[str]:
    lines = ast.parse(inspect.getsource(module)).body
    return [line.target.id for line in lines if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)]


def test_a_name_is_one_bound() -> None:
    """Two bounds of one name once made the API refuse all but 256 clients: the later line won."""
    names = Counter(name for module in _FILES for name in _named_in(module))

    assert len(names) > 100
    assert [name for name, times in names.items() if times > 1] == []


def test_every_bound_is_found_at_the_front() -> None:
    """Nobody needs to know which file it stands in."""
    for module in _FILES:
        for name in _named_in(module):
            assert getattr(limits, name) == getattr(module, name)
