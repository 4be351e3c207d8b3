"""What a provider is: the one interface between delivery and a push service.

A provider file reads top to bottom: links to its specification, its limits, `Provider`, the table from answer to
outcome, the payload builder. What a push service answers is an `Outcome`, never an exception; `send` raises only for
faults of our own.
"""

import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Literal, Protocol

import msgspec

from gateway.model.delivery import Device, Misconfigured, Outcome, Push, Rejected, Retry
from gateway.model.limits import LANE_IN_FLIGHT_MAX
from gateway.model.message import Content
from gateway.model.subscriber import Platform
from gateway.wire.egress import EgressPolicy
from gateway.wire.exchange import WireFailure
from gateway.wire.pool import HttpClient

Medium = Literal["push", "email", "sms"]
"""What caps and preferences count by."""


class Address(msgspec.Struct, frozen=True):
    """A device that a provider can reach: `wire` is packed for sending, `unique` is what makes it one device.

    `wire` starts with one byte of format version; `unique` (an endpoint, a token) is hashed before it is stored.
    """

    wire: bytes
    unique: bytes


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A key of an app at a provider, opened. `secret` is in the provider's own form; never log it."""

    app_id: int
    id: int
    public_id: int
    provider: str
    is_current: bool
    public: dict[str, Any]
    secret: bytes

    def __repr__(self) -> str:
        """Without the secret: such objects end up in tracebacks."""
        return f"Credential(app_id={self.app_id}, id={self.id})"


class Minted(msgspec.Struct, frozen=True):
    """A new key as a provider made it: what pages and operators may see, and what is sealed."""

    public: dict[str, Any]
    secret: bytes


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider admits requests with for an hour or so. Times are Unix seconds. Never log it."""

    text: str
    made_at_s: float
    expires_at_s: float

    def __repr__(self) -> str:
        """Without the text: such objects end up in tracebacks."""
        return f"Token(made_at_s={self.made_at_s}, expires_at_s={self.expires_at_s})"


class Tokens(Protocol):
    """Tokens that all processes share: a provider that sees too many of them refuses them."""

    async def get(
        self,
        name: str,
        make: Callable[[], Awaitable[Token]],
        *,
        renew_after_s: float,
        refused: str | None = None,
        age_s_min: float = 0.0,
    ) -> Token:
        """The token that all processes share under this name.

        One of them makes the next when the shared one is `renew_after_s` old, the others go on with the old one
        meanwhile. `refused` is the text that a provider did not take: if it is still the shared one, and at least
        `age_s_min` old, the next is made at once. What `make` raises is raised when there is no token to go on with.
        """
        ...


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a provider may be asked before it has said anything of it.

    in_flight_max: requests of one lane and process under way at once. rate_max: pushes a second of one lane in the
    whole gateway; None: as many as go. ramp_s: how long a lane that was idle takes from a tenth of that to all of it.
    """

    in_flight_max: int = LANE_IN_FLIGHT_MAX
    rate_max: float | None = None
    ramp_s: float = 0.0


class Wire(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """What the providers of one process stand on."""

    egress: EgressPolicy
    http: HttpClient
    clock: Callable[[], float]
    """Unix time in seconds."""
    tokens: Tokens
    settings: Mapping[str, Mapping[str, Any]] = {}
    """The tables `[providers.<name>]` of steeple.toml, each checked by its provider."""
    dice: random.Random


class Compiled(msgspec.Struct, frozen=True):
    """A message made ready for a provider, once; `render` is called for each device, last, so that late data counts."""

    render: Callable[[Device, str, int], bytes]
    """(device, receipt token, seconds that the message has left to live) -> payload."""
    options: Any = None
    """What `send` needs besides, the same for all devices; comes back as `Push.options`."""
    payload_bytes_max: int | None = None
    """Where this message's kind takes more or less than `Transport.payload_bytes_max` says."""
    is_routed: bool = False
    """Whether its links lead by way of the gateway: they hold a mark for each device's token (`policy.click_links`)."""


class Transport(Protocol):
    """One provider, shared by everything that a process sends through it. Made by `Provider(wire)`.

    name: the file's name, the config section, the value in the store, the metric label.
    hosts: what it may contact without being told.
    platform: what its devices are where nobody says more.
    binds_devices: whether a device is reached only with the key it was made with, and not with its successor.
    page_fields: what pages need of a key's public half to enrol with it; none where no page enrols.
    """

    name: ClassVar[str]
    medium: ClassVar[Medium]
    hosts: ClassVar[tuple[str, ...]]
    pace: ClassVar[Pace]
    platform: ClassVar[Platform]
    binds_devices: ClassVar[bool]
    page_fields: ClassVar[frozenset[str]]

    def __init__(self, wire: Wire) -> None: ...

    @staticmethod
    def generate(subject: str) -> Minted | None:
        """A new key for an app, where the provider's keys can be made by ourselves; None where they are issued."""
        ...

    @staticmethod
    def load(raw: str, subject: str) -> Minted:
        """A key that the operator brings, in any of its usual forms. Raises `GatewayError` saying what is wrong."""
        ...

    def address(self, raw: Mapping[str, Any]) -> Address:
        """Is this a device we can reach? Checks the fields of an opt-in; raises `GatewayError` naming the field."""
        ...

    def check_reach(self, wire: bytes, public: Mapping[str, Any]) -> None:
        """Can the key of this public half send to this address? Raises `Invalid` saying why it cannot."""
        ...

    def describe(self, wire: bytes) -> dict[str, Any]:
        """The public form of an address, as an import takes it."""
        ...

    def lane_of(self, wire: bytes) -> str:
        """The service behind an address (its origin): what has a rate and a health of its own."""
        ...

    def check_extra(self, fields: Mapping[str, Any]) -> None:
        """Are these fields of a message, meant for this provider alone, ones that it takes? Raises `Invalid`."""
        ...

    def compile(self, content: Content, *, message_id: int) -> Compiled:
        """A message's content, ready to be rendered for each device."""
        ...

    def payload_bytes_max(self, platform: int) -> int:
        """How many bytes of payload a device of this platform takes."""
        ...

    def make_ahead(self, wire: bytes) -> bool:
        """Does now, in idle time, what a later push to this address will need; False: nothing to do, or no room."""
        ...

    async def send(self, push: Push, credential: Credential) -> Outcome:
        """One request; one of the outcomes. Never raises for what a service does."""
        ...

    async def check(self, credential: Credential) -> str | None:
        """Tries a key at the service without anybody getting anything: what is wrong with it, in a sentence or two.

        None: the service takes it, or has no way of being asked. Never raises for what a service does.
        """
        ...

    async def aclose(self) -> None:
        """Lets go of what it holds; the wire below is closed by its owner."""
        ...


def outcome_of_failure(failure: WireFailure) -> Outcome:
    """No answer: did the service perhaps get the request all the same?"""
    match failure.kind:
        case "refused":
            return Rejected("endpoint_refused", is_unsent=True)
        case "tls":
            return Misconfigured("tls")
        case "unresolved" | "unreachable":
            return Retry(failure.kind, scope="lane")
        case "unprocessed":
            return Retry(failure.kind)
        case "timeout" | "broken":
            return Retry(failure.kind, unknown=not failure.is_unsent)
