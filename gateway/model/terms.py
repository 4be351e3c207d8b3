"""The terms of a message: what decides about each recipient at the last moment, besides audience and content."""

from typing import Literal

import msgspec

Category = Literal["marketing", "transactional"]


class Terms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """As stored with the message; a field at its default is not written.

    category: marketing obeys quiet hours and frequency caps, transactional goes out at once.
    holdout_percent: so many of a hundred people do not get it, to see what it brings about.
    """

    category: Category = "transactional"
    holdout_percent: float = 0.0

    @property
    def needs_person(self) -> bool:
        """Whether more of each recipient has to be read than sending needs."""
        return self.category == "marketing"
