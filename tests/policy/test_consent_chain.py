"""The seals of the ledger of consents: whoever changes a record, or takes one out, is found out."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from gateway.model.consent import ConsentAct, ConsentRecord, How
from gateway.policy.consent_chain import FIRST, gaps_in, is_whole, seal_of, sealed

NOW = datetime(2026, 11, 22, 12, 0, 0, 123_456, tzinfo=UTC)
APP = "app_0000000000001"


def chain(length: int) -> list[ConsentRecord]:
    """So many records of one device, as they were written."""
    records: list[ConsentRecord] = []
    for place in range(length):
        record = ConsentRecord(
            subscription_id=7, seq=place + 1, act=ConsentAct.CHANGED, how=How.PAGE, at=NOW + timedelta(days=place),
            person=None, said={"topics": ["sale"], "text": f"words {place}"}, salt=bytes([place] * 16),
            before=records[-1].hash if records else FIRST, hash=b"",
        )  # fmt: skip
        records.append(sealed(record, app=APP))
    return records


def test_records_as_they_were_written_are_whole():
    """Also none at all, and whoever's device it is by now."""
    records = chain(4)
    assert is_whole([], app=APP)
    assert is_whole(records, app=APP)
    assert is_whole([msgspec.structs.replace(one, person="ada") for one in records], app=APP)


@pytest.mark.parametrize(
    "change",
    [
        {"said": {"topics": ["sale"], "text": "other words"}},
        {"at": NOW},
        {"how": How.SERVER},
        {"act": ConsentAct.GIVEN},
        {"subscription_id": 8},
        {"salt": bytes(16)},
        {"before": bytes(32)},
        {"hash": bytes(32)},
    ],
)
def test_a_record_that_was_changed_shows(change: dict[str, object]):
    """Whatever of it was changed."""
    records = chain(3)
    records[1] = msgspec.structs.replace(records[1], **change)
    assert not is_whole(records, app=APP)


def test_a_record_sealed_anew_breaks_the_one_behind_it():
    """Whoever knows how seals are made has to make all of them anew, and exports tell what they were."""
    records = chain(3)
    records[1] = sealed(msgspec.structs.replace(records[1], said={}), app=APP)
    assert not is_whole(records, app=APP)


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_record_that_was_taken_out_shows_unless_it_was_erased(missing: int):
    """A gap is accounted for by what an erasure left."""
    records = chain(4)
    (gone,) = records[missing : missing + 1]
    left = [*records[:missing], *records[missing + 1 :]]
    assert gaps_in(left) == [gone.hash]
    assert not is_whole(left, app=APP)
    assert is_whole(left, app=APP, erased={gone.hash})


def test_another_app_s_record_is_none_of_ours():
    """A record cannot be carried from app to app."""
    assert not is_whole(chain(1), app="app_0000000000002")


def test_without_its_salt_a_seal_tells_nothing():
    """The same record under another salt has another seal: nobody can try out what it said."""
    (record,) = chain(1)
    other = msgspec.structs.replace(record, salt=bytes(range(16)))
    assert seal_of(other, app=APP) != record.hash
