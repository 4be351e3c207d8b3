"""Gathers the evidence of a run of real processes: the ledger of the push services, and the rows of Postgres."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from gateway.model.delivery import state_of
from gateway.model.ids import from_text
from gateway.transports.webpush import topic_of
from tests.chaos.evidence import Budget, End, Evidence, Order, Push, check, extras_of
from tests.chaos.gateway_process import Serve


class Copies(msgspec.Struct, frozen=True):
    """How often each endpoint got one message."""

    by_token: Counter[str]

    @property
    def reached(self) -> int:
        """Endpoints that got it."""
        return len(self.by_token)

    @property
    def extras(self) -> int:
        """Copies beyond the first."""
        return self.by_token.total() - len(self.by_token)


class Line(msgspec.Struct, frozen=True, gc=False):
    """What a ledger says of one push."""

    at: float
    topic: str
    token: str
    answer_lost: bool = False


class Book:
    """A ledger, read on from where it was left."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._lines: dict[str, list[Line]] = {}
        self._tokens: dict[str, Counter[str]] = {}
        self.extras = 0
        """Extra copies of the messages that were judged by it."""

    def read(self) -> None:
        """Takes in what was written since."""
        with self._path.open("rb") as lines:
            lines.seek(self._offset)
            for text in lines:
                if not text.endswith(b"\n"):
                    return
                self._offset += len(text)
                line = _line.decode(text)
                self._lines.setdefault(line.topic, []).append(line)
                self._tokens.setdefault(line.topic, Counter())[line.token] += 1

    def copies(self, topic: str) -> Copies:
        """Everything accepted under this topic so far."""
        self.read()
        return Copies(self._tokens.get(topic, Counter()))

    def lines(self, topic: str) -> list[Line]:
        """The same, one by one in order of time."""
        self.read()
        return self._lines.get(topic, [])

    def accepted(self, topic: str) -> int:
        """How many were accepted under this topic so far."""
        return self.copies(topic).by_token.total()


_line = msgspec.json.Decoder(Line)


async def topic_of_message(serve: Serve, message: str) -> str:
    """The Topic header that all copies of a message carry."""
    number = from_text("msg", message)
    rows = await serve.fetch("SELECT app_id FROM messages WHERE id = $1", number)
    return topic_of(f"{rows[0]['app_id']}.{number}")


async def judge(
    serve: Serve,
    books: Sequence[Book],
    said: Sequence[Mapping[str, Any]],
    *,
    promised: Iterable[str] = (),
    declared_gone: Collection[str] = (),
    budgets: Mapping[str, Budget] | None = None,
) -> int:
    """All ten invariants over these messages (as the API tells them, done); how many extra copies there were.

    declared_gone: beginnings of the tokens that a push service declared gone.
    """
    evidence = await _evidence(
        serve, books, {_number(one["id"]): one["counts"] for one in said}, declared_gone=tuple(declared_gone)
    )
    wanted = [*(_number(message) for message in promised), *evidence.orders]
    check(msgspec.structs.replace(evidence, promised=frozenset(wanted), budgets=budgets or {}))
    extras = extras_of(evidence)
    for book in books[:1]:
        book.extras += extras
    return extras


def _number(message: str) -> int:
    number = from_text("msg", message)
    assert number is not None
    return number


async def _evidence(
    serve: Serve, books: Sequence[Book], counts: Mapping[int, Mapping[str, int]], *, declared_gone: tuple[str, ...]
) -> Evidence:
    ids = list(counts)
    messages = await serve.fetch(
        "SELECT app_id, id, extract(epoch FROM expires_at) AS expires_at_s, extract(epoch FROM due_at) AS due_at_s"
        " FROM messages WHERE id = ANY($1)",
        ids,
    )
    devices = await serve.fetch(
        "SELECT app_id, id, wire, state, extract(epoch FROM ended_at) AS ended_at_s FROM subscriptions"
        " WHERE app_id = ANY($1)",
        list({row["app_id"] for row in messages}),
    )
    # The wire ends with the endpoint, and that with the token.
    by_token = {row["wire"].rpartition(b"/")[2].decode("utf-8", "replace"): row for row in devices}
    orders = {
        row["id"]: Order(
            app=row["app_id"],
            expires_at_s=float(row["expires_at_s"]),
            not_before_s=float(row["due_at_s"]),
            counts=counts[row["id"]],
        )
        for row in messages
    }
    return Evidence(
        orders=orders,
        pushes=sorted(_pushes(orders, books, by_token), key=lambda push: push.at_s),
        ends=await _ends(serve, ids),
        open_chunks=await _open_chunks(serve, ids),
        kills=[kill for kill in serve.kills if kill.at_s >= min(order.not_before_s for order in orders.values())],
        owners={row["id"]: row["app_id"] for row in devices},
        left_at_s={row["id"]: float(row["ended_at_s"]) for row in devices if row["ended_at_s"] is not None},
        dropped=frozenset(row["id"] for row in devices if row["state"] == 1),
        declared_gone=frozenset(row["id"] for token, row in by_token.items() if token.startswith(declared_gone)),
    )


def _pushes(orders: Mapping[int, Order], books: Sequence[Book], by_token: Mapping[str, Any]) -> list[Push]:
    found: list[Push] = []
    for lane, book in enumerate(books):
        for message, order in orders.items():
            for line in book.lines(topic_of(f"{order.app}.{message}")):
                row = by_token[line.token]
                found.append(Push(order.app, message, row["id"], line.at, str(lane), line.answer_lost))
    return found


async def _ends(serve: Serve, messages: list[int]) -> list[End]:
    rows = await serve.fetch("SELECT msg_id, ids, codes FROM outcomes WHERE msg_id = ANY($1)", messages)
    return [
        End(row["msg_id"], number, state_of(code))
        for row in rows
        for number, code in zip(row["ids"], row["codes"], strict=True)
    ]


async def _open_chunks(serve: Serve, messages: list[int]) -> dict[int, int]:
    """Cancelled chunks stay where they were: nobody will take them up."""
    rows = await serve.fetch(
        "SELECT msg_id, count(*) AS n FROM chunks WHERE msg_id = ANY($1) AND (state = 1 OR (state = 0 AND hold <> 2))"
        " GROUP BY 1",
        messages,
    )
    return {row["msg_id"]: row["n"] for row in rows}
