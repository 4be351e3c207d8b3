"""SQL statements as they stand in the source, found by reading it, and what is wrong with each."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.house.tree import docstrings_of

HOT_TABLES: Final = (
    "subscriptions", "addresses", "persons", "messages", "chunks", "outcomes", "receipts", "receipt_counts",
    "idempotency", "coupon_codes", "coupon_given", "coupon_uses",
    "person_events", "device_events", "erasures",
    "experiments", "opt_ins",
    "consents", "consent_remains", "withdrawals",
    "visitors", "inbox_marks",
)  # fmt: skip
"""Tables that grow with devices and messages; their rows are found by app and bucket (see the first migration)."""

_STATEMENT: Final = re.compile(
    r"\s*(?:--[^\n]*\n\s*)*"
    r"(?:SELECT\s|INSERT INTO\s|UPDATE\s+\w+(?:\s+\w+)?\s+SET\s|UPDATE\s*$|DELETE FROM\s|WITH\s+\w+.*\bAS\b|TRUNCATE\s"
    r"|MERGE INTO\s|CREATE (?:TABLE|INDEX|UNIQUE)|ALTER TABLE\s|DROP TABLE\s)",
    re.DOTALL,
)
_HOT: Final = re.compile(r"\b(?:FROM|INTO|UPDATE|JOIN)\s+(?:" + "|".join(HOT_TABLES) + r")\b")
_ARGUMENT: Final = r"\s*(?:=|=\s*ANY\s*\(|\bIN\s*\()\s*\$\d+"
_COLUMN_OF_INSERT: Final = r"\bINTO \w+ (?:AS \w+ )?\([^)]*\b{}\b"
_BY_APP: Final = re.compile(rf"\bapp_id\b{_ARGUMENT}|{_COLUMN_OF_INSERT.format('app_id')}")
_BY_BUCKET: Final = re.compile(rf"\bbucket\b{_ARGUMENT}|{_COLUMN_OF_INSERT.format('bucket')}")
_IMPURE: Final = re.compile(
    r"\b(?:clock_timestamp|statement_timestamp|timeofday|random|gen_random_uuid|nextval)\s*\(", re.IGNORECASE
)


@dataclass(frozen=True)
class Statement:
    """One SQL text, and the function it stands in."""

    where: str
    text: str
    is_built: bool
    """Made by an f-string, `+`, `%`, `.format` or `.join`, so that its text is not all here."""

    @property
    def is_hot(self) -> bool:
        """It touches a table that grows."""
        return _HOT.search(self.text) is not None

    @property
    def is_by_key(self) -> bool:
        """It finds or places its rows by app and by bucket."""
        return bool(_BY_APP.search(self.text) and _BY_BUCKET.search(self.text))

    @property
    def is_pure(self) -> bool:
        """Run twice in one transaction it says the same: no clock of its own, no dice."""
        return _IMPURE.search(self.text) is None

    @property
    def skips_locked(self) -> bool:
        """It leaves out rows that somebody else holds."""
        return "SKIP LOCKED" in self.text.upper()


def statements_of(source: str, *, module: str) -> list[Statement]:
    """Every statement of a file, in order. `where` is `module.function`, with the class in between if there is one."""
    tree = ast.parse(source)
    documentation = docstrings_of(tree)
    return list(_walk(tree, module, documentation, is_built=False))


def _walk(node: ast.AST, where: str, documentation: set[int], *, is_built: bool) -> Iterator[Statement]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield from _walk(child, f"{where}.{name}", documentation, is_built=False)
            case ast.Constant(value=str(text)) if id(child) not in documentation and _STATEMENT.match(text):
                yield Statement(where, text, is_built)
            case ast.JoinedStr() | ast.BinOp(op=ast.Add() | ast.Mod()):
                yield from _walk(child, where, documentation, is_built=True)
            case ast.Attribute(attr="format" | "join"):
                yield from _walk(child, where, documentation, is_built=True)
            case _:
                yield from _walk(child, where, documentation, is_built=is_built)
