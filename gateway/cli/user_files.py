"""Files of users as a shop has them: CSV with a heading, or one JSON object a line. Both become lines of JSON."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

import click
import msgspec

from gateway.policy.separators import separator_of

_ID_COLUMNS: Final = ("external_id", "user_id", "user", "id")
_WORDS: Final = frozenset({"language", "timezone", "country", "email", "phone"})
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]+)?", re.ASCII)
_DECIMAL_COMMA: Final = re.compile(r"(-?(?:0|[1-9][0-9]{0,14})),([0-9]+)", re.ASCII)
_TRUTHS: Final = {"true": True, "false": False}
_TEXT_MARK: Final = ":text"
_LISTED: Final = "|"
_ALIASES: Final = "aliases"
_LIST_MARK: Final = ":list"


class CsvLines:
    """The records of a CSV file as lines of JSON; knows on which line of the file each stood.

    The heading maps columns: `external_id`, `language`, `timezone`, `country`, `email`, `phone`; `aliases` are other
    names, taken apart at `|`; `tags.x` is the tag x; everything else is an attribute. A value that looks like a number,
    true or false is one; `zip:text` keeps it a text, `likes:list` is taken apart at `|`. An empty value says nothing.
    Fields end with a comma, or with what ends the first one of the heading: a semicolon or a tab. Where that is no
    comma, `12,5` is a number.
    """

    def __init__(self, source: io.RawIOBase) -> None:
        self._text = io.TextIOWrapper(io.BufferedReader(source), encoding="utf-8-sig", newline="")
        first = self._text.readline()
        self._separator = separator_of(first)
        self._records = csv.reader(chain([first], self._text), delimiter=self._separator)
        self._columns = self._heading()
        self._id_column = next(one for one in _ID_COLUMNS if one in self._columns)
        self._breaks: list[tuple[int, int]] = []

    def _heading(self) -> list[str]:
        columns = [one.strip() for one in next(self._records, [])]
        if not set(columns) & set(_ID_COLUMNS):
            raise click.UsageError(f"The first line names the columns, one of them {', '.join(_ID_COLUMNS)}.")
        twice = [name for name, times in Counter(filter(None, columns)).items() if times > 1]
        if twice:
            raise click.UsageError(f"The first line names a column twice: {', '.join(twice)}.")
        return columns

    def __iter__(self) -> Iterator[bytes]:
        for number, record in enumerate(self._records, start=1):
            if not self._breaks or self._records.line_num - number != self._breaks[-1][1]:
                self._breaks.append((number, self._records.line_num - number))
            yield msgspec.json.encode(self._row(record)) + b"\n"

    def line_of(self, number: int) -> int:
        """The line of the file on which this record ended."""
        return number + next((more for since, more in reversed(self._breaks) if since <= number), 1)

    def _row(self, record: Sequence[str]) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for column, text in zip(self._columns, record, strict=False):
            if text == "" or not column:
                continue
            name, value = self._read(column, text)
            if name == self._id_column:
                row["external_id"] = text
            elif name in _WORDS:
                row[name] = text
            elif name == _ALIASES:
                row[name] = _listed(text)
            elif name.startswith("tags."):
                row.setdefault("tags", {})[name.removeprefix("tags.")] = value
            else:
                row.setdefault("attributes", {})[name.removeprefix("attributes.")] = value
        if len(record) > len(self._columns):
            row["more than the heading names"] = True  # the gateway refuses the line, and so it is named
        return row

    def _read(self, column: str, text: str) -> tuple[str, Any]:
        if column.endswith(_TEXT_MARK):
            return column.removesuffix(_TEXT_MARK), text
        if column.endswith(_LIST_MARK):
            return column.removesuffix(_LIST_MARK), _listed(text)
        if text.lower() in _TRUTHS:
            return column, _TRUTHS[text.lower()]
        if self._separator != ",":
            text = _DECIMAL_COMMA.sub(r"\1.\2", text) if _DECIMAL_COMMA.fullmatch(text) else text
        if _NUMBER.fullmatch(text):
            return column, msgspec.json.decode(text)
        return column, text


class Pieces(io.RawIOBase):
    """Pieces of a file as something to read from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As much as fits; 0 at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def gathered(lines: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The lines in pieces of about this many bytes."""
    held, held_bytes = list[bytes](), 0
    for line in lines:
        held.append(line)
        held_bytes += len(line)
        if held_bytes >= size:
            yield b"".join(held)
            held, held_bytes = [], 0
    yield b"".join(held)


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(_LISTED) if one.strip()]
