"""What the handlers work with. The composition root fills it; nothing here is global."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gateway.analytics.ingest import Ingest
from gateway.analytics.opt_ins import OptIns
from gateway.config import Settings
from gateway.sending.accept import Acceptor
from gateway.store.database import Database
from gateway.store.stops import Stops
from gateway.subscribers.enrol import Enroller
from gateway.subscribers.fences import Fences
from gateway.subscribers.tracking import Tracker
from gateway.tenancy.api_keys import ApiKeys
from gateway.tenancy.keyring import Keyring
from gateway.transports.base import Transport
from gateway.wire.vault import Vault


def _now() -> datetime:
    return datetime.now(UTC)


def _never() -> bool:
    return False


class Services(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The rooms below and the facts of this process.

    is_ready: why this process should get no requests, in words for an operator; empty when it should.
    is_draining: whether it was told to stop; keyed calls still work, new streams do not start.
    stops: the apps that were stopped by hand, as this process knows them.
    """

    settings: Settings
    database: Database
    keyring: Keyring
    api_keys: ApiKeys
    enroller: Enroller
    fences: Fences
    acceptor: Acceptor
    transports: Mapping[str, Transport]
    vault: Vault
    ingest: Ingest
    opt_ins: OptIns
    tracker: Tracker
    sdk_folder: Path
    started_at: datetime
    is_ready: Callable[[], Awaitable[list[str]]]
    is_draining: Callable[[], bool] = _never
    stops: Stops = msgspec.field(default_factory=Stops)
    clock: Callable[[], datetime] = _now
