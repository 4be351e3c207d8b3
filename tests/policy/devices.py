"""Devices as rules are shown them."""

from typing import Any

from gateway.model.delivery import Device


def device(number: int, **more: Any) -> Device:
    """A device of which nothing else is known."""
    return Device(
        subscription_id=number, provider="stub", credential_id=1, wire=b"", platform=0, locale=None, suspect_at=None,
        **more,
    )  # fmt: skip
