"""Which of an app's keys a device is reached with."""

from typing import Any

import pytest

from gateway.model.errors import Invalid
from gateway.subscribers.reach import key_for, keys_in_order
from gateway.transports import find
from gateway.transports.base import Credential
from tests.transports.fakes import made

_APPLE = made(find("apns"))


def _key(number: int, *bundle_ids: str, provider: str = "apns", is_current: bool = False) -> Credential:
    public: dict[str, Any] = {"bundle_ids": list(bundle_ids), "environments": ["production"]}
    return Credential(
        app_id=1, id=number, public_id=number, provider=provider, is_current=is_current, public=public, secret=b""
    )


def _wire(bundle_id: str) -> bytes:
    return _APPLE.address({"token": "ab" * 32, "bundle_id": bundle_id}).wire


def test_the_current_key_comes_first_then_the_newest() -> None:
    """Of several that reach a device, the one that the operator wants for new devices."""
    keys = [_key(1, "a.b"), _key(2, "a.b", is_current=True), _key(3, "a.b"), _key(4, "a.b", provider="other")]

    assert [one.id for one in keys_in_order(keys, "apns")] == [2, 3, 1]


def test_a_key_that_does_not_reach_is_passed_over() -> None:
    """An app may have a key for each of its bundle ids."""
    keys = keys_in_order([_key(1, "a.b"), _key(2, "c.d", is_current=True)], "apns")

    assert key_for(keys, _APPLE, _wire("a.b"), named=None).id == 1
    assert key_for(keys, _APPLE, _wire("c.d"), named=None).id == 2


def test_a_key_that_is_named_is_taken_or_refused() -> None:
    """Never another one instead."""
    keys = [_key(1, "a.b"), _key(2, "c.d")]

    assert key_for(keys, _APPLE, _wire("a.b"), named=("key_0000000000001", "key_id")).id == 1
    with pytest.raises(Invalid) as other:
        key_for(keys, _APPLE, _wire("c.d"), named=("key_0000000000001", "key_id"))
    with pytest.raises(Invalid) as unknown:
        key_for(keys, _APPLE, _wire("c.d"), named=("nonsense", "key_id"))
    assert (other.value.param, unknown.value.param) == ("bundle_id", "key_id")
