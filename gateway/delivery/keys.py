"""Where the rooms of delivery find apps and their keys."""

from collections.abc import Mapping
from typing import Protocol

from gateway.model.app import App
from gateway.model.errors import NotFound
from gateway.policy.receipt_token import ReceiptSigner
from gateway.transports.base import Credential


class Keys(Protocol):
    """Where a process finds apps and their opened keys; `tenancy` has the real one."""

    async def app_by_id(self, app_id: int) -> App:
        """The app; raises `NotFound` if it is gone."""
        ...

    async def credentials(self, app_id: int) -> Mapping[int, Credential]:
        """Every credential that subscriptions may name."""
        ...

    async def receipt_signer(self, app_id: int) -> ReceiptSigner:
        """What signs the tokens of new messages."""
        ...


async def app_if_there(keys: Keys, app_id: int) -> App | None:
    """The app; None if it is gone."""
    try:
        return await keys.app_by_id(app_id)
    except NotFound:
        return None
