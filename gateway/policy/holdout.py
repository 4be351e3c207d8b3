"""Who is held out: a share of people who get no marketing, so that a shop sees what its messages bring about.

A person is in or out by a hash of the name, with every device; a device that is nobody's, by its own id. The same
people stay held out for as long as the share does, and a larger share holds them out, too. The share of a message is
drawn anew for each message.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

from gateway.model.delivery import Device

_WHOLE: Final = 1 << 64


def seed_of_app(public_id: int) -> bytes:
    """What an app's lasting group is drawn with."""
    return b"app\0%d\0" % public_id


def seed_of_message(message_id: int) -> bytes:
    """What a message's own group is drawn with."""
    return b"message\0%d\0" % message_id


def is_held_out(person: str | None, subscription_id: int, *, seed: bytes, percent: float) -> bool:
    """Whether this person, or this device where it is nobody's, belongs to the share. 0 is nobody, 100 everybody."""
    who = b"device\0%d" % subscription_id if person is None else b"person\0" + person.encode()
    drawn = int.from_bytes(hashlib.blake2b(seed + who, digest_size=8).digest(), "big")
    return drawn * 100 < percent * _WHOLE


def held_out(devices: Iterable[Device], *, seed: bytes, percent: float) -> list[int]:
    """The ids of those devices that are held out."""
    if percent <= 0:
        return []
    return [
        device.subscription_id
        for device in devices
        if is_held_out(device.person, device.subscription_id, seed=seed, percent=percent)
    ]
