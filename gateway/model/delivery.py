"""Pushes and what becomes of them: the five outcomes of one try, and the terminal codes that the store keeps."""

from datetime import datetime
from enum import IntEnum
from typing import Any, Final, Literal

import msgspec

Urgency = Literal["very-low", "low", "normal", "high"]


class Device(msgspec.Struct, frozen=True, gc=False):
    """One recipient as the feed reads it: everything the lane needs, so that nothing asks the database again.

    `wire` is packed by the provider at enrolment and opaque to everybody else; `credential_id` names the key the
    subscription was made with; `suspect_at` is when it first got an answer that may mean its end; `person` is whose it
    is.

    What follows is read only for messages that need it (`Prepared.reads_person`): where it is, what the device and its
    person are known by (`attrs`: the device's own; `facts`: copied from the person). `given` is what was decided for
    this one message and recipient, such as a coupon's code.
    """

    subscription_id: int
    provider: str
    credential_id: int
    wire: bytes
    platform: int
    locale: str | None
    suspect_at: datetime | None
    person: str | None = None
    timezone: str | None = None
    country: str | None = None
    attrs: dict[str, Any] | None = None
    facts: dict[str, Any] | None = None
    geo_timezone: str | None = None
    best_hour: int | None = None
    given: dict[str, Any] | None = None


class Push(msgspec.Struct, frozen=True, gc=False):
    """One message to one device, rendered: what a transport sends.

    `payload` is what the transport's own renderer made; `ttl_s` is what is left of the message's life; `topic` replaces
    an earlier undelivered push of the same topic at the push service. `options` is what the transport said at compiling
    that it needs besides, the same for all recipients. Credentials never occur here: they are the transport's own.
    """

    app_id: int
    credential_id: int
    wire: bytes
    payload: bytes
    ttl_s: int
    urgency: Urgency
    topic: str | None
    options: Any = None


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """The push service took it. Not "delivered": that is what receipts are for."""

    provider_id: str | None = None


class Retry(msgspec.Struct, frozen=True, gc=False):
    """Not now. `after_s` is what the service asked for.

    scope: "lane" slows everybody on the lane, "push" is this push's matter, "device" says nothing of the lane at all.
    `unknown` is True when the request may have reached the service (a cut connection): a second copy is possible.
    """

    reason: str
    after_s: float | None = None
    scope: Literal["device", "push", "lane"] = "push"
    unknown: bool = False


class Gone(msgspec.Struct, frozen=True, gc=False):
    """The device is not reachable by this address any more: close the address.

    `at_s` (Unix time), where the provider tells it, is when it found out: an address registered later stays open.
    """

    reason: str
    at_s: float | None = None


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """This push can never succeed; the device stays. `alarm` when the fault is likely ours.

    `is_unsent`: we refused it ourselves, so that it says nothing about the service.
    """

    reason: str
    alarm: bool = False
    is_unsent: bool = False


class Suspect(msgspec.Struct, frozen=True, gc=False):
    """The answer blames the device or our credential, and does not say which.

    One wrong setting would otherwise wipe out every subscriber, so such an answer alone never closes an address:
    `policy.circuit` decides from what the credential's other pushes got.
    """

    reason: str


class Misconfigured(msgspec.Struct, frozen=True, gc=False):
    """Our credential or setting is at fault: stop the lane, tell the operator, keep the messages."""

    reason: str


Outcome = Accepted | Retry | Gone | Rejected | Suspect | Misconfigured


class Code(IntEnum):
    """What became of one recipient of a message: one byte each in the store. Numbers are for ever.

    10-19 reached the push service, 20-39 failed, 40-49 the device is gone, 50-59 too late, 60-69 cancelled,
    70-99 skipped before any try. `RETRYING` is not terminal: the recipient waits in a chunk of its own.
    """

    RETRYING = 0
    SENT = 10
    FAILED_REJECTED = 20
    FAILED_TOO_LARGE = 21
    FAILED_KEY_MATERIAL = 22
    FAILED_ATTEMPTS = 23
    FAILED_CREDENTIAL = 24
    FAILED_ENDPOINT_REFUSED = 25
    FAILED_INTERNAL = 26
    GONE = 40
    EXPIRED = 50
    EXPIRED_HELD = 51
    """Whoever would have been woken, or whose hour comes too late: their wait would outlast the message."""
    CANCELLED = 60
    SKIPPED_LEFT = 70
    SKIPPED_CAPPED = 71
    SKIPPED_QUIET = 72
    SKIPPED_HOLDOUT = 73
    SKIPPED_EXCLUDED = 74
    SKIPPED_COUPON = 75
    SKIPPED_TEMPLATE = 76
    SKIPPED_LATE = 77
    SKIPPED_OWN_PAUSE = 78
    SKIPPED_CHANNEL_OFF = 79


REASONS: Final[dict[Code, str]] = {
    Code.FAILED_REJECTED: "rejected",
    Code.FAILED_TOO_LARGE: "too_large",
    Code.FAILED_KEY_MATERIAL: "key_material",
    Code.FAILED_ATTEMPTS: "attempts_used_up",
    Code.FAILED_CREDENTIAL: "credential",
    Code.FAILED_ENDPOINT_REFUSED: "endpoint_refused",
    Code.FAILED_INTERNAL: "internal",
    Code.EXPIRED_HELD: "held",
    Code.SKIPPED_LEFT: "left",
    Code.SKIPPED_CAPPED: "capped",
    Code.SKIPPED_QUIET: "quiet",
    Code.SKIPPED_HOLDOUT: "holdout",
    Code.SKIPPED_EXCLUDED: "excluded",
    Code.SKIPPED_COUPON: "coupon",
    Code.SKIPPED_TEMPLATE: "template",
    Code.SKIPPED_LATE: "late",
    Code.SKIPPED_OWN_PAUSE: "own_pause",
    Code.SKIPPED_CHANNEL_OFF: "channel_off",
}
"""The word that `failed_by` and `skipped_by` show for a code."""


def state_of(code: int) -> str:
    """The word of `counts` that a code is counted under."""
    if code < Code.SENT:
        return "pending"
    if code < Code.FAILED_REJECTED:
        return "sent"
    if code < Code.GONE:
        return "failed"
    if code < Code.EXPIRED:
        return "gone"
    if code < Code.CANCELLED:
        return "expired"
    return "cancelled" if code < Code.SKIPPED_LEFT else "skipped"
