"""Ways out: one file per provider. This folder is the registry: a provider's name is its file's name.

Adding a provider is adding a file here; packages outside can offer one through the entry point group
`steeple.transports`. No other file names a provider.
"""

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from typing import Final

from gateway.transports.base import Transport

_NOT_PROVIDERS: Final = frozenset({"base", "opened"})


@cache
def names() -> tuple[str, ...]:
    """Every provider there is: the files of this folder, then what installed packages offer."""
    own = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in _NOT_PROVIDERS)
    foreign = sorted(point.name for point in entry_points(group="steeple.transports"))
    return (*own, *(name for name in foreign if name not in own))


@cache
def find(name: str) -> type[Transport]:
    """The provider's class. Raises `KeyError` for a name that `names()` does not list."""
    if name not in names():
        raise KeyError(name)
    for point in entry_points(group="steeple.transports"):
        if point.name == name:
            return point.load()
    return importlib.import_module(f"{__name__}.{name}").Provider
