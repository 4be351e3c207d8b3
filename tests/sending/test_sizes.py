"""How large a message gets: what a shop waits for when it sends a long one."""

from typing import Any

import pytest

from gateway import transports
from gateway.model.message import Content
from gateway.policy.wording import Wording
from gateway.sending.sizes import payload_bytes
from gateway.transports.base import Compiled, Transport
from tests.transports.fakes import made as provider


class _Counting:
    """A provider that counts how often it is asked to put a message together."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.compiled = 0

    def compile(self, content: Content, *, message_id: int) -> Compiled:
        self.compiled += 1
        return self._transport.compile(content, message_id=message_id)

    def payload_bytes_max(self, platform: int) -> int:
        return self._transport.payload_bytes_max(platform)


@pytest.mark.parametrize("name", transports.names())
def test_a_message_in_many_languages_is_put_together_once(name: str):
    """Its largest language counts, and thirty of them take no more of the provider than one."""
    short = {f"{first}{second}": "x" * 40 for first in "abcde" for second in "fghijk"}
    transport: Any = _Counting(provider(transports.find(name)))
    sizes = payload_bytes(Content(title=short | {"nl": "x" * 90}), Wording(), {name: transport})
    assert transport.compiled == 1
    assert sizes[name] >= payload_bytes(Content(title=short), Wording(), {name: transport})[name] + 50
