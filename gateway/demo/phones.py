"""What the demo's page shows of a phone: the notifications on its screen, whatever service brought them."""

from typing import Literal, Protocol

import msgspec


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A notification on a screen."""

    id: str
    title: str
    body: str
    at: float
    """Unix seconds when the push service took it."""


class PhoneShown(msgspec.Struct, frozen=True, kw_only=True):
    """One phone; the newest note comes first."""

    id: str
    platform: Literal["ios", "android"]
    is_online: bool
    waiting: int
    notes: list[Note]


class PhonesShown(Protocol):
    """The phones of a demo."""

    def shown(self) -> list[PhoneShown]:
        """All of them."""
        ...

    def set_online(self, phone_id: str, *, is_online: bool) -> None:
        """Gives a phone its network or takes it. Raises `LookupError` for an unknown one."""
        ...
