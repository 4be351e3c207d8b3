"""What happened, by the two books that cannot lie: the ledger of the push services, and the rows of the database."""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from gateway.model.delivery import state_of
from gateway.model.ids import from_text
from gateway.transports.webpush import topic_of
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


class Book:
    """The ledger, read on from where it was left."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._topics: dict[str, Counter[str]] = {}

    def read(self) -> None:
        """Takes in what was written since."""
        with self._path.open("rb") as lines:
            lines.seek(self._offset)
            for line in lines:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                entry = _entry.decode(line)
                self._topics.setdefault(entry.topic, Counter())[entry.token] += 1

    def copies(self, topic: str) -> Copies:
        """Everything accepted under this topic so far."""
        self.read()
        return Copies(self._topics.get(topic, Counter()))

    def accepted(self, topic: str) -> int:
        """How many were accepted under this topic so far."""
        return self.copies(topic).by_token.total()


class _Line(msgspec.Struct):
    topic: str
    token: str


_entry = msgspec.json.Decoder(_Line)


async def topic_of_message(serve: Serve, message: str) -> str:
    """The Topic header that all copies of a message carry."""
    number = from_text("msg", message)
    rows = await serve.fetch("SELECT id FROM apps ORDER BY id LIMIT 1")
    return topic_of(f"{rows[0]['id']}.{number}")


async def ends_in_rows(serve: Serve, message: str) -> tuple[Counter[str], int]:
    """How many recipients came to which end by the packed rows; and how many are named in them more than once."""
    rows = await serve.fetch("SELECT ids, codes FROM outcomes WHERE msg_id = $1", from_text("msg", message))
    states = Counter(state_of(code) for row in rows for code in row["codes"])
    recipients = Counter(number for row in rows for number in row["ids"])
    return states, sum(times > 1 for times in recipients.values())


async def check_books(serve: Serve, said: dict[str, Any], *, audience: int) -> None:
    """Every recipient came to one end, and the figures are the rows'."""
    states, twice = await ends_in_rows(serve, said["id"])
    counts = said["counts"]
    assert twice == 0, f"{twice} recipients have two ends"
    assert counts["audience"] == audience, counts
    assert {state: n for state, n in counts.items() if state in states} == dict(states), (counts, states)
    assert states.total() == audience, (counts, states)
    assert counts["pending"] == 0, counts
    assert said["exact"] is True
    left = await serve.fetch(
        "SELECT count(*) AS n FROM chunks WHERE msg_id = $1 AND state < 2", from_text("msg", said["id"])
    )
    assert left[0]["n"] == 0, "chunks are left"
