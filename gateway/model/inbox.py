"""The inbox in the page: what a message says of it, and what a reader has read.

Nothing is written for each recipient when a message is sent. Whoever reads their inbox asks for the newest messages
that stay there, and of those for what was sent to them.
"""

from datetime import datetime
from typing import Final

import msgspec

from gateway.model.limits import INBOX_MARKS_MAX


class Inbox(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The message stays in the inbox. until: no longer than this; banner: open pages show it at once, too."""

    until: datetime | None = None
    banner: bool = False


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader has read: everything up to a moment, and single messages, the last one marked at the end."""

    read_before: datetime | None = None
    read: tuple[int, ...] = ()

    def has(self, message_id: int, at: datetime) -> bool:
        """Whether a message that came at this moment is read."""
        return message_id in self.read or (self.read_before is not None and at <= self.read_before)

    def joined(self, other: "Marks") -> "Marks":
        """What is read by the one or the other: a browser before its login, and the person."""
        moments = [one for one in (self.read_before, other.read_before) if one is not None]
        return Marks(read_before=max(moments, default=None), read=(*self.read, *other.read))

    def with_read(self, messages: tuple[int, ...]) -> "Marks":
        """With these as well; where there are too many, the first ones marked are forgotten."""
        kept = [one for one in self.read if one not in messages]
        return Marks(read_before=self.read_before, read=(*kept, *dict.fromkeys(messages))[-INBOX_MARKS_MAX:])

    def with_all_read(self, at: datetime) -> "Marks":
        """With everything up to this moment: single marks are not needed any more."""
        before = at if self.read_before is None else max(at, self.read_before)
        return Marks(read_before=before)


NOTHING_READ: Final = Marks()


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that reads the inbox and has no push address. The secret is kept as its SHA-256."""

    id: int
    secret_hash: bytes
    person: str | None
    locale: str | None
    timezone: str | None
    country: str | None
    region: str | None
    city: str | None
    platform: int
    created_at: datetime
    seen_at: datetime


def reader_of_visitor(visitor_id: int) -> str:
    """Under which name it stands what a visitor has read; beside `policy.owners.owner_of`, and never the same."""
    return f"v:{visitor_id}"
