"""One reason why a recipient does not get a message at this moment, and what it is asked of."""

from datetime import datetime

import msgspec

from gateway.model.app import App
from gateway.model.segment import Names
from gateway.store.database import Queryable
from gateway.store.looked_at import LookedAt
from gateway.store.messages import StoredMessage


class Reason(msgspec.Struct, frozen=True):
    """Why not now: a word as in reports and logs, what it says to people, and until when where that is known."""

    word: str
    text: str
    until: datetime | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One recipient of a message, at a moment. `names` are those of the message's audience."""

    db: Queryable
    app: App
    message: StoredMessage
    device: LookedAt
    names: Names
    now: datetime
