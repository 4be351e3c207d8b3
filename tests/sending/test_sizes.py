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
        self.page_fields = transport.page_fields
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


def test_links_by_way_of_the_gateway_count_with_their_tokens():
    """Where apps get them; a page's worker tells of clicks itself, and its links stay as they are."""
    content, longer = Content(title="x", url="https://a.example/"), "https://push.shop.example"
    differing: dict[bool, set[int]] = {True: set(), False: set()}
    for name in transports.names():
        transport = provider(transports.find(name))
        plain, routed = (
            payload_bytes(content, one, {name: transport})[name] for one in (Wording(), Wording(clicks=longer))
        )
        differing[bool(transport.page_fields)].add(routed - plain)
    assert differing[True] == {0}
    assert max(differing[False]) == len(f"{longer}/c/") + 55 - len(content.url)
