"""Credentials that a provider opened: parsed, with whatever their requests share, kept as long as they are the same."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from gateway.transports.base import Credential

_KEPT_MAX: Final = 4096
_T = TypeVar("_T")


class Opened(Generic[_T]):
    """Opens each credential once. What `make` raises is raised to whoever asks, each time."""

    def __init__(self, make: Callable[[Credential], _T]) -> None:
        self._make = make
        self._kept: dict[tuple[int, int], tuple[Credential, _T]] = {}

    def of(self, credential: Credential) -> _T:
        """What was made of it; made anew when its key or what is shown of it has changed."""
        key = (credential.app_id, credential.id)
        kept = self._kept.get(key)
        if kept is not None and kept[0] is credential:
            return kept[1]
        if kept is not None and (kept[0].secret, kept[0].public) == (credential.secret, credential.public):
            self._kept[key] = (credential, kept[1])  # loaded again, as all are every few seconds
            return kept[1]
        made = self._make(credential)
        if len(self._kept) >= _KEPT_MAX:
            self._kept.clear()
        self._kept[key] = (credential, made)
        return made

    def clear(self) -> None:
        """Forgets all of them."""
        self._kept.clear()
