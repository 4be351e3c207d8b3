"""Who has moved to which key of an app, and from when on an old one may go."""

from datetime import datetime

import msgspec

from gateway.model.app import App
from gateway.policy.key_rotation import may_retire_at, share_of
from gateway.store import credentials
from gateway.store.credentials import KeyUse, StoredCredential
from gateway.store.database import Queryable


class KeyReading(msgspec.Struct, frozen=True, kw_only=True):
    """A live key as the meter shows it. `came_over`: those of its devices that were there before it was current."""

    key: StoredCredential
    devices: int
    share: float
    came_over: int
    last_seen_at: datetime | None
    may_retire_at: datetime | None


async def read(db: Queryable, app: App, *, now: datetime) -> list[KeyReading]:
    """Every live key, the oldest first. Reads all devices of the app: for operators, not for sends."""
    keys = [one for one in await credentials.list_of_app(db, app.id) if one.retired_at is None]
    readings = [
        reading
        for provider in sorted({key.provider for key in keys})
        for reading in await _of_provider(db, app, [key for key in keys if key.provider == provider], now=now)
    ]
    return sorted(readings, key=lambda one: one.key.id)


async def _of_provider(db: Queryable, app: App, keys: list[StoredCredential], *, now: datetime) -> list[KeyReading]:
    current_at = next((key.current_at for key in keys if key.is_current), None)
    uses = {one.credential_id: one for one in await credentials.uses(db, app, keys[0].provider, current_at)}
    total = sum(use.devices for use in uses.values())
    return [_reading(key, _use(uses, key), total=total, now=now) for key in keys]


def _use(uses: dict[int, KeyUse], key: StoredCredential) -> KeyUse:
    return uses.get(key.id) or KeyUse(credential_id=key.id, devices=0, came_over=0, last_seen_at=None)


def _reading(key: StoredCredential, use: KeyUse, *, total: int, now: datetime) -> KeyReading:
    return KeyReading(
        key=key,
        devices=use.devices,
        share=share_of(use.devices, total=total),
        came_over=use.came_over if key.is_current else 0,
        last_seen_at=use.last_seen_at,
        may_retire_at=may_retire_at(
            is_current=key.is_current, devices=use.devices, last_seen_at=use.last_seen_at, now=now
        ),
    )
