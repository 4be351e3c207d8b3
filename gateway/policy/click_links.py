"""Links that lead by way of the gateway, on devices that cannot tell of a click themselves.

A browser's worker reports clicks. An app without our SDK, or whatever else just opens an address, does not: there a
message's links become `<gateway>/c/<token>`, the token signed for this device and good for nothing but a click. Where
the link leads is not in it: only the message's own links can be followed.
"""

from typing import Final

import msgspec

from gateway.model.event import ReceiptKind
from gateway.model.message import Content

CLICK_KINDS: Final = 1 << ReceiptKind.SHOWN | 1 << ReceiptKind.CLICKED
"""What the token of a link is good for; the one in the payload is good for more, and must not stand in addresses."""
CLICK_MARK: Final = "stpl-click-".ljust(55, "0")
"""Stands in a payload where each device's own token goes, and is as long."""


def routed(content: Content, base: str) -> Content:
    """The content with its links by way of `base`; as it is where that is empty. Deep links open the app, and stay."""
    if not base:
        return content
    actions = tuple(
        msgspec.structs.replace(action, url=f"{base}/c/{CLICK_MARK}/{place}") if action.url else action
        for place, action in enumerate(content.actions, start=1)
    )
    url = f"{base}/c/{CLICK_MARK}" if content.url else ""
    return msgspec.structs.replace(content, url=url, actions=actions)
