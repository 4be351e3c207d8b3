"""What one process remembers between calls: rates, proxies, origins, open streams. All of it bounded."""

import math
import time
from collections.abc import Sequence
from typing import Final

from gateway.api.addresses import TrustedProxies
from gateway.api.buckets import Buckets
from gateway.api.origins import OriginBook
from gateway.api.route import Route
from gateway.api.sdk_files import SdkFiles
from gateway.api.services import Services
from gateway.model.errors import GatewayError
from gateway.model.limits import (
    EVENTS_FROM_DEVICE_BURST,
    EVENTS_FROM_DEVICE_EVERY_S,
    POSITIONS_BURST,
    POSITIONS_EVERY_S,
    PUBLIC_BURST_FACTOR,
    VISITORS_BURST,
    VISITORS_EVERY_S,
)
from gateway.sending.inbox import Inboxes
from gateway.subscribers.transfer import Transfer
from gateway.subscribers.users import Users
from gateway.subscribers.visitors import Visitors

_NO_APP: Final = -1


class Gate:
    """Made once per process, by `routes.build`."""

    def __init__(self, services: Services, routes: Sequence[Route]) -> None:
        settings = services.settings
        self.services = services
        self.routes = routes
        self.url = settings.url
        self.proxies = TrustedProxies(settings.trusted_proxies)
        self.origins = OriginBook(services.database)
        self.transfer = Transfer(services.database, services.keyring, services.transports)
        self.users = Users(services.database, services.keyring)
        self.visitors = Visitors(services.database, services.keyring, services.enroller.locator)
        self.inboxes = Inboxes(services.database)
        self.sdk = SdkFiles(services.sdk_folder)
        self.streams = 0
        self._keys: Buckets[int] = Buckets(rate=settings.rate_per_key, burst=settings.rate_per_key)
        self._positions: Buckets[tuple[int, int]] = Buckets(rate=1 / POSITIONS_EVERY_S, burst=POSITIONS_BURST)
        self._tracking: Buckets[tuple[int, int]] = Buckets(
            rate=1 / EVENTS_FROM_DEVICE_EVERY_S, burst=EVENTS_FROM_DEVICE_BURST
        )
        self._visitors: Buckets[tuple[str, int]] = Buckets(rate=1 / VISITORS_EVERY_S, burst=VISITORS_BURST)
        self._public: Buckets[tuple[str, int]] = Buckets(
            rate=settings.rate_public, burst=settings.rate_public * PUBLIC_BURST_FACTOR
        )

    def take_for_position(self, app_id: int, number: int) -> None:
        """Counts a position that a device says it is at; raises 429 when it says so too often."""
        _refuse_after(self._positions.take((app_id, number), time.monotonic()))

    def take_for_events(self, app_id: int, number: int) -> None:
        """Counts a request with events of a device; raises 429 when it makes too many."""
        _refuse_after(self._tracking.take((app_id, number), time.monotonic()))

    def take_for_visitor(self, address: str, app_id: int) -> None:
        """Counts a new visitor from this address; raises 429 where there are too many."""
        _refuse_after(self._visitors.take((address, app_id), time.monotonic()))

    def take_for_key(self, key_id: int) -> None:
        """Counts a call of this key; raises 429 when it has none left."""
        _refuse_after(self._keys.take(key_id, time.monotonic()))

    def take_for_app(self, address: str, app_id: int) -> None:
        """Counts a public call of this address to this app; raises 429 when it has none left."""
        _refuse_after(self._public.take((address, app_id), time.monotonic()))

    def check_stranger(self, address: str) -> None:
        """Raises 429 for an address that named too many apps or keys that do not exist."""
        _refuse_after(self._public.wait_s((address, _NO_APP), time.monotonic()))

    def note_stranger(self, address: str) -> None:
        """Remembers that this address named an app or key that does not exist: each costs us a look-up."""
        self._public.take((address, _NO_APP), time.monotonic())


def _refuse_after(wait_s: float) -> None:
    if wait_s > 0.0:
        raise GatewayError(
            "rate_limited",
            "Too many requests; wait as long as Retry-After says.",
            kind="rate_limit",
            retry_after_s=max(1, math.ceil(wait_s)),
        )
