"""The inbox in the page, and visitors, on the wire."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.model.limits import INBOX_DAYS, INBOX_LOOKED_AT, INBOX_MARKED_AT_ONCE_MAX
from gateway.subscribers.visitors import VisitorRequest


class VisitorsRequest(VisitorRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A browser that reads the inbox and has no push address. `platform` and `os` as for devices."""

    app: Annotated[str, Meta(description="`app_...`")]
    os: str | None = None


class VisitorMade(msgspec.Struct, frozen=True, kw_only=True):
    """What the page keeps. The secret is told here and never again."""

    id: str
    secret: str


class InboxAction(msgspec.Struct, frozen=True, kw_only=True):
    """A button of a message."""

    id: str
    title: str
    url: str


class InboxEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A message as its reader gets it: plain texts in one language, links on the app's link hosts, or empty."""

    id: str
    title: str
    body: str
    url: str
    icon: str
    image: str
    actions: list[InboxAction]
    data: dict[str, Any]
    category: str
    at: Annotated[datetime, Meta(description="When it was sent.")]
    until: Annotated[datetime | None, Meta(description=f"When it goes; {INBOX_DAYS} days after it was sent at last.")]
    read: bool
    banner: bool


class InboxPage(msgspec.Struct, frozen=True, kw_only=True):
    """Messages, newest first. `unread` is on the first page only, and null on others."""

    data: list[InboxEntry]
    unread: Annotated[int | None, Meta(description=f"Of the newest {INBOX_LOOKED_AT} or more messages of the app.")]
    link_hosts: Annotated[list[str], Meta(description="Where links may lead.")]
    poll: Annotated[int, Meta(description="Seconds after which an open page asks again, at the earliest.")]
    next: str | None


class ReadRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Messages that were read, or all that there are."""

    messages: Annotated[list[str], Meta(max_length=INBOX_MARKED_AT_ONCE_MAX, description="`msg_...`")] = []
    everything: Annotated[bool, Meta(description="All that there are by now.")] = msgspec.field(
        default=False, name="all"
    )
