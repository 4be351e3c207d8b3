"""A rehearsal: devices that exist nowhere, whose token says what becomes of each push.

A shop that wants to see how its failures look enrols `gone:anything` and sends to it. Nothing leaves this machine. An
app has these devices only after its operator gave it a key for them (any text will do).

Tokens are `<answer>:<name>`. Answers: accepted, gone, rejected, suspect, misconfigured, retry, retry/30 (after so many
seconds), throttled/60 (the whole lane). The name makes it one device.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

import msgspec

from gateway.model.delivery import (
    Accepted,
    Device,
    Gone,
    Misconfigured,
    Outcome,
    Push,
    Rejected,
    Retry,
    Suspect,
)
from gateway.model.errors import Invalid
from gateway.model.ids import to_text
from gateway.model.limits import PAYLOAD_BYTES_MAX
from gateway.model.message import Content
from gateway.model.subscriber import Platform
from gateway.transports.base import Address, Compiled, Credential, Medium, Minted, Pace, Wire

_FORMAT: Final = b"\x01"
_TOKEN: Final = re.compile(r"(?P<answer>[a-z]+)(?:/(?P<seconds>[0-9]{1,5}))?:(?P<name>[!-~]{1,100})", re.ASCII)
_SECRET_CHARS: Final = range(4, 1000)


class Provider:
    """Devices that answer as their tokens say."""

    name: ClassVar[str] = "stub"
    medium: ClassVar[Medium] = "push"
    hosts: ClassVar[tuple[str, ...]] = ()
    binds_devices: ClassVar[bool] = False
    pace: ClassVar[Pace] = Pace()
    platform: ClassVar[Platform] = Platform.OTHER
    page_fields: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, wire: Wire) -> None:
        del wire  # nothing is sent anywhere

    @staticmethod
    def generate(subject: str) -> Minted | None:
        """None: an app has such devices only where its operator wants them."""
        del subject

    @staticmethod
    def load(raw: str, subject: str) -> Minted:
        """Any text without spaces or brackets: a pasted file is a mistake."""
        if len(raw) not in _SECRET_CHARS or re.search(r"[\s{}\[\]]", raw):
            raise Invalid("key_material_invalid", "Give any word of 4 to 999 characters.", param="private_key")
        return Minted({"subject": subject}, raw.encode())

    def address(self, raw: Mapping[str, Any]) -> Address:
        """Packs `token`, if it says an answer that there is."""
        token = raw.get("token")
        match = _TOKEN.fullmatch(token) if isinstance(token, str) else None
        if match is None or match["answer"] not in _ANSWERS:
            raise Invalid(
                "field_invalid", f"A token is <answer>:<name>; answers: {', '.join(_ANSWERS)}.", param="token"
            )
        return Address(_FORMAT + match[0].encode(), match[0].encode())

    def check_reach(self, wire: bytes, public: Mapping[str, Any]) -> None:
        """Any key does."""

    def describe(self, wire: bytes) -> dict[str, Any]:
        """The token again."""
        return {"token": wire[1:].decode()}

    def lane_of(self, wire: bytes) -> str:
        """One lane for all: a token that throttles slows the others, as at a real service."""
        del wire
        return "stub://rehearsal"

    def check_extra(self, fields: Mapping[str, Any]) -> None:
        """It takes no fields of its own."""
        for field in fields:
            raise Invalid("field_unknown", "A rehearsal has no fields of its own.", param=f"{self.name}.{field}")

    def compile(self, content: Content, *, message_id: int) -> Compiled:
        """What a phone would be told, as JSON."""
        said = {"title": content.title, "body": content.body, "m": to_text("msg", message_id)}

        def render(device: Device, token: str, ttl_s: int) -> bytes:
            ids = {"s": to_text("sub", device.subscription_id), "t": token, "ttl": ttl_s}
            return msgspec.json.encode({**said, **ids})

        return Compiled(render)

    def payload_bytes_max(self, platform: int) -> int:
        """As a browser."""
        del platform
        return PAYLOAD_BYTES_MAX

    def make_ahead(self, wire: bytes) -> bool:
        """Nothing is needed."""
        del wire
        return False

    async def send(self, push: Push, credential: Credential) -> Outcome:
        """What the token says."""
        del credential
        match = _TOKEN.fullmatch(push.wire[1:].decode("ascii", "replace"))
        if match is None:
            return Rejected("key_material", is_unsent=True)
        return _ANSWERS[match["answer"]](None if match["seconds"] is None else float(match["seconds"]))

    async def check(self, credential: Credential) -> None:
        """There is nobody to ask."""

    async def aclose(self) -> None:
        """Nothing is held."""


_ANSWERS: Final[Mapping[str, Callable[[float | None], Outcome]]] = {
    "accepted": lambda _: Accepted("rehearsed"),
    "gone": lambda _: Gone("rehearsed"),
    "rejected": lambda _: Rejected("rehearsed"),
    "suspect": lambda _: Suspect("rehearsed"),
    "misconfigured": lambda _: Misconfigured("rehearsed"),
    "retry": lambda seconds: Retry("rehearsed", after_s=seconds),
    "throttled": lambda seconds: Retry("throttled", after_s=seconds, scope="lane"),
}
"""The table from token to outcome."""
