"""Reading the ledger of consents: of one device, of one person, of a whole app."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import msgspec

from gateway.model.app import App
from gateway.model.consent import ACT_WORDS, HOW_WORDS, ConsentRecord
from gateway.model.ids import to_text
from gateway.model.limits import CONSENTS_SHOWN_MAX, EXPORT_PAGE_ROWS
from gateway.model.person import Person
from gateway.policy.consent_chain import gaps_in, is_whole
from gateway.store import consents
from gateway.store.database import Queryable


async def of_person(db: Queryable, app: App, person: Person) -> list[ConsentRecord]:
    """Everything that a person agreed to and took back, on devices that they have and had."""
    return await consents.of_person(db, app, person.names, person.subscriptions, limit=CONSENTS_SHOWN_MAX)


async def is_intact(db: Queryable, app: App, records: Sequence[ConsentRecord]) -> bool:
    """Whether these are all records of one device as they were written, but for erased ones."""
    gaps = gaps_in(records)
    erased = await consents.erased(db, app, records[0].subscription_id, gaps) if gaps else set[bytes]()
    return is_whole(records, app=to_text("app", app.public_id), erased=erased)


async def lines(db: Queryable, app: App) -> AsyncGenerator[bytes]:
    """The ledger of an app, one JSON object a line, in pieces of whole lines."""
    after: tuple[int, int] | None = None
    while page := await consents.page(db, app, after, limit=EXPORT_PAGE_ROWS):
        after = page[-1].subscription_id, page[-1].seq
        yield b"".join(msgspec.json.encode(shown(one)) + b"\n" for one in page)


def shown(record: ConsentRecord) -> dict[str, Any]:
    """A record as exports and answers have it."""
    told: dict[str, Any] = {
        "subscription": to_text("sub", record.subscription_id),
        "number": record.seq,
        "act": ACT_WORDS[record.act],
        "at": record.at,
        "how": HOW_WORDS[record.how],
        "user": record.person,
        **record.said,
        "salt": record.salt.hex(),
        "before": record.before.hex(),
        "seal": record.hash.hex(),
    }
    return {name: value for name, value in told.items() if value is not None}
