"""Which of an app's keys a device is reached with.

The one that it names; else the current one; else another that reaches it: an app for several bundle ids may have a key
for each. Whether a key reaches an address is known by its provider alone.
"""

from collections.abc import Iterable, Sequence

from gateway.model.errors import Invalid
from gateway.model.ids import from_text
from gateway.transports.base import Credential, Transport


def keys_in_order(live: Iterable[Credential], provider: str) -> list[Credential]:
    """The keys at this provider: the current one, then the newest."""
    own = [one for one in live if one.provider == provider]
    return sorted(own, key=lambda one: (one.is_current, one.id), reverse=True)


def key_for(
    keys: Sequence[Credential], provider: Transport, wire: bytes, *, named: tuple[str, str] | None
) -> Credential:
    """The key for this address, out of those of `keys_in_order`. `named`: which was asked for, and by which field.

    Raises:
        Invalid: there is none, or none that reaches it.
    """
    if named is not None:
        keys = [_named(keys, *named)]
    if not keys:
        raise Invalid("credential_unknown", "The app has no key for this channel yet.", param="channel")
    faults: list[Invalid] = []
    for key in keys:
        try:
            provider.check_reach(wire, key.public)
        except Invalid as fault:
            faults.append(fault)
        else:
            return key
    first = faults[0]
    words = first.message if len(keys) == 1 else f"None of the app's {len(keys)} keys does. {first.message}"
    raise Invalid("credential_unknown", f"This device cannot be reached. {words}", param=first.param)


def _named(keys: Iterable[Credential], text: str, param: str) -> Credential:
    public_id = from_text("key", text)
    for key in keys:
        if key.public_id == public_id:
            return key
    raise Invalid("credential_unknown", "The app has no live key of this id for this channel.", param=param)
