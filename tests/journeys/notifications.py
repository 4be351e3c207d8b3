"""What people's devices got of a message."""

from typing import Any

from tests.journeys.world import Device, Shop


async def shown(shop: Shop, message: str) -> dict[str, dict[str, Any]]:
    """The notification that each endpoint got."""
    entries = await shop.world.entries(message)
    return {entry.token: entry.payload["notification"] for entry in entries if entry.payload}


async def titles(shop: Shop, message: str) -> dict[str, str]:
    """The title that each endpoint got."""
    return {token: notification["title"] for token, notification in (await shown(shop, message)).items()}


async def people(shop: Shop, n: int) -> list[Device]:
    """So many people with a device each."""
    return await shop.devices(n, lines=[{"user": f"u{place}"} for place in range(n)])
