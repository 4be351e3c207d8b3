"""A message as the shop ordered it, checked."""

from datetime import datetime
from enum import IntEnum
from typing import Any, Final

import msgspec

from gateway.model.audience import Audience
from gateway.model.delivery import Urgency
from gateway.model.limits import TTL_S_DEFAULT
from gateway.model.terms import Terms


class MessageState(IntEnum):
    """Numbers are for ever; `STATE_NAMES` has the words."""

    SCHEDULED = 0
    """Waits for its time."""
    PLANNING = 1
    SENDING = 2
    PAUSED = 3
    DONE = 4
    CANCELLED = 5
    FAILED = 6


STATE_NAMES: Final[dict[int, str]] = {state.value: state.name.lower() for state in MessageState}


def state_word(*, state: int, due_at: datetime, created_at: datetime) -> str:
    """What callers see: a message that waits for no time of its own is `accepted` rather than `scheduled`."""
    return "accepted" if state == MessageState.SCHEDULED and due_at <= created_at else STATE_NAMES[state]


FINAL_STATES: Final = (MessageState.DONE, MessageState.CANCELLED, MessageState.FAILED)


class Action(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A button. `id` comes back with the click."""

    id: str
    title: str
    icon: str = ""
    url: str = ""


class Recall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a message takes back.

    topic: what that one replaced at push services (`Push.topic`), and so does this. was_silent: whether it was silent.
    is_neutral: there is nothing to say in its place, and the recall is shown only where it must be.
    """

    message_id: int
    topic: str
    was_silent: bool = False
    is_neutral: bool = False


class Content(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is shown, and how it travels. Texts are one text, or one per language (`{"en": ..., "nl": ...}`)."""

    title: str | dict[str, str] = ""
    body: str | dict[str, str] = ""
    url: str = ""
    icon: str = ""
    image: str = ""
    badge: str = ""
    actions: tuple[Action, ...] = ()
    data: dict[str, Any] = {}
    tag: str = ""
    collapse_key: str = ""
    ttl_s: int = TTL_S_DEFAULT
    urgency: Urgency = "normal"
    silent: bool = False
    require_interaction: bool = False
    badge_count: int | None = None
    deep_link: str = ""
    """Where a click leads inside the app, for devices of apps; browsers follow `url`."""
    utm: dict[str, str] = {}
    """Campaign parameters for all links, by name (`utm_source`, ...)."""
    variables: dict[str, Any] = {}
    """Values for the fields of the texts."""
    sound: str = ""
    """A file of the app, such as `bell.caf`; browsers play their own."""
    extra: dict[str, dict[str, Any]] = {}
    """Provider-only fields by provider name, passed through unread and checked in the provider's own file."""
    recalls: Recall | None = None
    """The message that this one takes back, for those who were sent it."""
    spread_s: int = 0
    """Over so many seconds the devices of a large audience spread what they report."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way: what sending needs of it. Its day, in outcomes and receipts, is `planned_at`'s (UTC)."""

    app_id: int
    id: int
    content: Content
    audience: Audience
    planned_at: datetime
    expires_at: datetime
    terms: Terms = Terms()
    recipients: int = 0
    """How many were planned, where they are many."""
