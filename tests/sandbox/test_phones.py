"""Virtual phones: what is on their screens, what waits for them, and how their tokens die."""

import re
from pathlib import Path
from typing import Any

import pytest

from gateway.sandbox import Sandbox
from sandbox.actors import Clock
from sandbox.app_senders import BUNDLE, AppleSender, GoogleSender


def titles(pushes: list[dict[str, Any]]) -> list[Any]:
    return [push["aps"]["alert"] for push in pushes]


async def test_only_the_newest_waits_for_an_iphone(sandbox: Sandbox, apple: AppleSender, clock: Clock) -> None:
    """Apple keeps one push per app while the phone is away."""
    phone, line = sandbox.phones.make("ios", BUNDLE), await apple.line()
    sandbox.phones.set_online(phone, is_online=False)
    for text in ("one", "two", "three"):
        assert (await apple.send(line, phone.token, {"aps": {"alert": text}})).status == 200
    assert sandbox.ledger.counters["fate_stored"] == 3

    sandbox.phones.set_online(phone, is_online=True)

    assert titles([shown.payload for shown in phone.shown]) == ["three"]


async def test_what_is_over_is_not_shown(sandbox: Sandbox, apple: AppleSender, clock: Clock) -> None:
    """Expired while the phone was away; with expiration 0 it does not even wait."""
    phone, line = sandbox.phones.make("ios", BUNDLE), await apple.line()
    sandbox.phones.set_online(phone, is_online=False)
    await apple.send(line, phone.token, apns_expiration=str(int(clock()) + 60))
    await apple.send(line, phone.token, apns_expiration="0")
    assert (sandbox.ledger.counters["fate_stored"], sandbox.ledger.counters["fate_dropped"]) == (1, 1)
    clock.advance(61)
    sandbox.phones.set_online(phone, is_online=True)
    assert not phone.shown


async def test_a_collapse_id_replaces_what_is_shown(sandbox: Sandbox, apple: AppleSender) -> None:
    """And only what has the same one."""
    phone, line = sandbox.phones.make("ios", BUNDLE), await apple.line()
    for text, name in (("one", "cart"), ("two", "order"), ("three", "cart")):
        await apple.send(line, phone.token, {"aps": {"alert": text}}, apns_collapse_id=name)
    assert titles([shown.payload for shown in phone.shown]) == ["two", "three"]


async def test_many_wait_for_an_android(sandbox: Sandbox, google: GoogleSender) -> None:
    """One per collapse key, all without."""
    phone, line = sandbox.phones.make("android", google.project), await google.line()
    sandbox.phones.set_online(phone, is_online=False)
    for text, key in (("one", "cart"), ("two", None), ("three", "cart"), ("four", None)):
        android = {} if key is None else {"android": {"collapse_key": key}}
        await google.send(line, {"token": phone.token, "data": {"text": text}, **android})
    sandbox.phones.set_online(phone, is_online=True)
    assert [shown.payload["data"]["text"] for shown in phone.shown] == ["two", "three", "four"]


async def test_a_removed_app_is_unregistered(sandbox: Sandbox, apple: AppleSender, clock: Clock) -> None:
    """Since that moment; after coming back it has another token."""
    phone, line = sandbox.phones.make("ios", BUNDLE), await apple.line()
    old = phone.token
    await apple.send(line, old)
    removed_at_s = clock()
    sandbox.phones.uninstall(phone)
    clock.advance(100)
    answer = await apple.send(line, old)
    assert (answer.status, answer.json["timestamp"]) == (410, int(removed_at_s * 1000))
    assert not phone.shown

    assert sandbox.phones.register_again(phone) != old

    assert (await apple.send(line, phone.token)).status == 200
    assert (await apple.send(line, old)).reason == "Unregistered"


async def test_minted_tokens_look_real_and_prove_themselves(sandbox: Sandbox) -> None:
    """By the hundred thousand, with no table; a changed or made-up one is nobody's."""
    tokens = list(sandbox.phones.mint(1_000, "apns", BUNDLE, prefix="fa17"))
    assert len(set(tokens)) == 1_000
    assert all(re.fullmatch(r"fa17[0-9a-f]{60}", token) for token in tokens)
    (google,) = sandbox.phones.mint(1, "fcm", "project", prefix="vip-")
    assert re.fullmatch(r"vip-d1-0:APA91b[A-Za-z0-9_-]{100,}", google)
    for token in (tokens[5], google):
        assert sandbox.phones.find(token) is not None
        changed = token[:-1] + ("0" if token[-1] != "0" else "1")
        assert sandbox.phones.find(changed) is None
    assert sandbox.phones.find("00" * 32) is None


@pytest.mark.parametrize(
    ("service", "n", "prefix"), [("apns", 0, ""), ("apns", 1, "XYZ"), ("apns", 1, "a" * 25), ("fcm", 1, "a b")]
)
async def test_an_order_out_of_bounds_is_refused(sandbox: Sandbox, service: str, n: int, prefix: str) -> None:
    """With a sentence."""
    with pytest.raises(ValueError, match=r"[.]$"):
        sandbox.phones.mint(n, service, BUNDLE, prefix=prefix)  # pyright: ignore[reportArgumentType] - one of two


async def test_minted_phones_outlive_the_sandbox(tmp_path: Path) -> None:
    """With a directory, tomorrow's sandbox knows today's tokens."""
    folder = tmp_path / "rehearsal"
    async with Sandbox(directory=folder) as first:
        tokens = [*first.phones.mint(2, "apns", BUNDLE), *first.phones.mint(2, "fcm", "project")]
    async with Sandbox(directory=folder) as second:
        assert all(second.phones.find(token) is not None for token in tokens)
