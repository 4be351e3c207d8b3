"""What there is before a page is read: by default a shop with three people's devices.

A page may have a stage of its own: a function that gets the shop, under the page's file name in `STAGES`.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from tests.journeys.world import Shop

Stage = Callable[[Shop], Awaitable[None]]


async def people(shop: Shop) -> None:
    """Three people: cust-17 with two devices, cust-18 and cust-19 with one each."""
    await shop.devices(
        4,
        lines=[
            {"user": "cust-17", "language": "nl", "timezone": "Europe/Amsterdam", "country": "NL"},
            {"user": "cust-17", "language": "nl", "timezone": "Europe/Amsterdam", "country": "NL"},
            {"user": "cust-18", "language": "en", "timezone": "America/New_York", "country": "US"},
            {"user": "cust-19", "language": "de", "timezone": "Europe/Berlin", "country": "DE"},
        ],
    )


STAGES: Final[dict[str, Stage]] = {}
"""Page -> its stage, where it is not `people`."""


async def set_up(page: str, shop: Shop) -> None:
    """What this page wants to be there."""
    await STAGES.get(page, people)(shop)
