"""What an import is to the ledger of consents: what its lines bring, change and take back is written down, once."""

import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from gateway.model.app import App
from gateway.model.consent import ConsentAct, ConsentRecord, How
from gateway.model.ids import to_text
from gateway.model.subscriber import SubscriptionState
from gateway.policy.consent_chain import SALT_BYTES, sealed
from gateway.store.transfer import Held, ImportedDevice
from gateway.subscribers.consents import Occasion, said_of


class ImportLedger:
    """The records of one import. `names`: of topics by their numbers, as far as the file has them."""

    def __init__(self, app: App, *, now: datetime, names: Callable[[Iterable[int]], list[str]]) -> None:
        self._app = to_text("app", app.public_id)
        self._occasion = Occasion(now, How.IMPORT)
        self._unsaid_at = msgspec.to_builtins(now)
        self._names = names

    def judged(self, device: ImportedDevice, held: Held | None) -> tuple[ImportedDevice, Sequence[ConsentAct]]:
        """The row as it is to be written, and what it does; held None: the device is new.

        Of who has left nothing changes: the file is older than that, or knows nothing of it.
        """
        if held is not None and held.state == SubscriptionState.LEFT:
            return msgspec.structs.replace(device, topics=None, consent=None), ()
        if held is not None and self._is_same(device, held):
            device = msgspec.structs.replace(device, consent=None)
        acts: list[ConsentAct] = []
        if device.consent is not None:
            acts.append(ConsentAct.GIVEN)
        elif device.topics is not None and set(device.topics) != (held.topics if held is not None else set()):
            acts.append(ConsentAct.CHANGED)
        if device.state == SubscriptionState.LEFT:
            acts.append(ConsentAct.WITHDRAWN)
        return device, acts

    def _is_same(self, device: ImportedDevice, held: Held) -> bool:
        """Whether the device had agreed to the same before; a line that tells no time means the time on record."""
        if device.consent is None or held.consent is None:
            return False
        said: dict[str, Any] = msgspec.json.decode(device.consent)
        if said["at"] == self._unsaid_at:
            said["at"] = held.consent.get("at")
        return said == held.consent

    def records(
        self,
        subscription_id: int,
        device: ImportedDevice,
        held: Held | None,
        acts: Sequence[ConsentAct],
        last: tuple[int, bytes],
    ) -> list[ConsentRecord]:
        """The records of what it does, behind the device's last one (number and hash)."""
        seq, before = last
        records: list[ConsentRecord] = []
        for act in acts:
            record = ConsentRecord(
                subscription_id=subscription_id,
                seq=seq + 1,
                act=act,
                how=How.IMPORT,
                at=self._occasion.now,
                person=device.person or (None if held is None else held.person),
                said=self._said(device, act),
                salt=secrets.token_bytes(SALT_BYTES),
                before=before,
                hash=b"",
            )
            records.append(sealed(record, app=self._app))
            seq, before = records[-1].seq, records[-1].hash
        return records

    def _said(self, device: ImportedDevice, act: ConsentAct) -> dict[str, Any]:
        if act is ConsentAct.WITHDRAWN:
            return said_of(None, self._occasion)
        consent = None if device.consent is None else msgspec.json.decode(device.consent)
        topics = None if device.topics is None else self._names(device.topics)
        return said_of(consent, self._occasion, topics=topics)
