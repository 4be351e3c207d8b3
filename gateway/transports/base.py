"""What a provider is: the one interface between delivery and a push service.

A provider file reads top to bottom: links to its specification, its limits, `Provider`, the table from answer to
outcome, the payload builder. What a push service answers is an `Outcome`, never an exception; `send` raises only for
faults of our own.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, Protocol

import msgspec

from gateway.model.delivery import Device, Outcome, Push
from gateway.model.message import Content
from gateway.wire.egress import EgressPolicy
from gateway.wire.http1 import Http1Client

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


class Wire(msgspec.Struct, frozen=True, eq=False):
    """The bytes below the providers of one process."""

    egress: EgressPolicy
    http: Http1Client
    clock: Callable[[], float]
    """Unix time in seconds."""


Renderer = Callable[[Device, str], bytes]
"""(device, receipt token) -> payload bytes. Made once per message by `Transport.renderer`, called once per device."""


class Transport(Protocol):
    """One provider, shared by everything that a process sends through it. Made by `Provider(wire)`.

    name: the file's name, the config section, the value in the store, the metric label.
    hosts: push services that it may contact without being told.
    """

    name: ClassVar[str]
    medium: ClassVar[Medium]
    hosts: ClassVar[tuple[str, ...]]

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

    def describe(self, wire: bytes) -> dict[str, Any]:
        """The public form of an address, as an import takes it."""
        ...

    def lane_of(self, wire: bytes) -> str:
        """The service behind an address (its origin): what has a rate and a health of its own."""
        ...

    def check_extra(self, fields: Mapping[str, Any]) -> None:
        """Are these fields of a message, meant for this provider alone, ones that it takes? Raises `Invalid`."""
        ...

    def renderer(self, content: Content, *, message_id: int) -> Renderer:
        """Compiles a message's content."""
        ...

    def payload_bytes_max(self, platform: int) -> int:
        """How many bytes of payload a device of this platform takes."""
        ...

    async def send(self, push: Push, credential: Credential) -> Outcome:
        """One request; one of the outcomes. Never raises for what a service does."""
        ...

    async def aclose(self) -> None:
        """Lets go of what it holds; the wire below is closed by its owner."""
        ...
