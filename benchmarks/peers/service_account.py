"""A service account as a file: how Google's libraries want to be given it."""

import json
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager


@contextmanager
def written(account: Mapping[str, str]) -> Generator[str]:
    """The path of a file with these fields, for the length of the block."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(dict(account), file)
        file.flush()
        yield file.name
