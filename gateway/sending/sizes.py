"""How large a message gets on each channel, before encryption."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

import msgspec

from gateway.model.delivery import Device
from gateway.model.errors import Invalid
from gateway.model.limits import SPREAD_S_MAX
from gateway.model.message import Content
from gateway.policy.liquid import TextUnmade
from gateway.policy.personalise import made
from gateway.policy.wording import Wording
from gateway.transports.base import Compiled, Transport

_SAMPLE_TOKEN: Final = "0" * 55
"""As long as a receipt token."""


def payload_bytes(content: Content, wording: Wording, transports: Mapping[str, Transport]) -> dict[str, int]:
    """By channel, the largest payload of all languages.

    Fields count as they are for somebody of whom nothing is known; 0 where nothing can be said to them.
    """
    return {name: _largest(content, wording, transport) for name, transport in transports.items()}


def size_for(content: Content, wording: Wording, transport: Transport, device: Device) -> int | None:
    """How many bytes a device gets; None where its text cannot be made."""
    return _size(_compiled(content, wording, transport), content, transport, device)


def _largest(content: Content, wording: Wording, transport: Transport) -> int:
    # Compiled once for all languages: a shop that sends a long message waits for this.
    compiled = _compiled(content, wording, transport)
    return max(_size(compiled, content, transport, device) or 0 for device in _readers(content))


def _compiled(content: Content, wording: Wording, transport: Transport) -> Compiled:
    # Whether its devices spread their reports is known only once it is planned: it has to fit either way.
    spread = msgspec.structs.replace(content, spread_s=SPREAD_S_MAX)
    fitting = msgspec.structs.replace(wording, clicks="") if transport.page_fields else wording
    return made(spread, fitting, partial(transport.compile, message_id=0))


def _size(compiled: Compiled, content: Content, transport: Transport, device: Device) -> int | None:
    try:
        payload = compiled.render(device, _SAMPLE_TOKEN, content.ttl_s)
    except TextUnmade:
        return None
    return _counted(payload, compiled, transport)


def _counted(payload: bytes, compiled: Compiled, transport: Transport) -> int:
    """As the service counts: spaces at its end stand for how far a payload is from a bound of its own."""
    if compiled.payload_bytes_max is None or not payload.endswith(b" "):
        return len(payload)
    return len(payload) - compiled.payload_bytes_max + transport.payload_bytes_max(0)


def check_size(content: Content, wording: Wording, transports: Mapping[str, Transport]) -> None:
    """Raises `Invalid` (content_too_large) where a message fits no device of a channel."""
    for name, size in payload_bytes(content, wording, transports).items():
        largest = transports[name].payload_bytes_max(0)
        if size > largest:
            raise Invalid(
                "content_too_large",
                f"The message takes {size} bytes on {name} and {largest} fit; shorten texts, links or data.",
            )


def _readers(content: Content) -> Iterable[Device]:
    """A device for each language of the message."""
    languages = {language for text in (content.title, content.body) if isinstance(text, dict) for language in text}
    return [Device(0, "", 0, b"", 0, language, None) for language in sorted(languages or {""})]
