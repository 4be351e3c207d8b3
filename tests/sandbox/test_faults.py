"""Failures that can be ordered, and that come as ordered."""

import asyncio
import time
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from gateway.sandbox import Ledger, Rule, Sandbox
from sandbox.actors import AppServer, Clock


async def statuses(server: AppServer, sandbox: Sandbox, count: int, *, prefix: str = "") -> list[int]:
    devices = sandbox.mint(count, server.key.public, prefix=prefix)
    return [(await server.send(device)).status for device in devices]


async def test_every_third_is_throttled(sandbox: Sandbox, server: AppServer) -> None:
    """The third, the sixth, and no other."""
    sandbox.order_faults(Rule(status=429, every=3))
    assert await statuses(server, sandbox, 7) == [201, 201, 429, 201, 201, 429, 201]


async def test_a_rule_begins_late_and_is_used_up(sandbox: Sandbox, server: AppServer) -> None:
    """After two good ones, two failures, then all is well again."""
    sandbox.order_faults(Rule(status=503, first=2, times=2))
    assert await statuses(server, sandbox, 6) == [201, 201, 503, 503, 201, 201]


async def test_chance_is_the_same_for_the_same_seed(sandbox: Sandbox, server: AppServer) -> None:
    """A failing rehearsal can be run again."""
    runs: list[list[int]] = []
    for seed in (7, 7, 8):
        sandbox.order_faults(Rule(status=500, probability=0.5), seed=seed)
        runs.append(await statuses(server, sandbox, 20))
    assert runs[0] == runs[1] != runs[2]
    assert set(runs[0]) == {201, 500}


async def test_a_rule_may_mean_some_devices_only(sandbox: Sandbox, server: AppServer) -> None:
    """By the beginning of the token."""
    sandbox.order_faults(Rule(status=410, token_prefix="dead-"))
    assert await statuses(server, sandbox, 2, prefix="dead-") == [410, 410]
    assert await statuses(server, sandbox, 2) == [201, 201]


async def test_a_rule_may_mean_one_service_only(sandbox: Sandbox, server: AppServer) -> None:
    """By the host of the endpoint."""
    sandbox.order_faults(Rule(status=500, host="jmt17.google.com"))
    assert await statuses(server, sandbox, 2) == [201, 201]


async def test_retry_after_comes_in_every_form(sandbox: Sandbox, server: AppServer, clock: Clock) -> None:
    """Seconds, a date, and nonsense."""
    (device,) = sandbox.mint(1, server.key.public)
    forms: dict[str, str] = {}
    for form in ("seconds", "date", "garbage"):
        sandbox.order_faults(Rule(status=429, retry_after_s=120, retry_after_form=form))
        forms[form] = (await server.send(device)).headers["Retry-After"]

    assert forms["seconds"] == "120"
    assert parsedate_to_datetime(forms["date"]).timestamp() == pytest.approx(clock() + 120, abs=1)
    with pytest.raises(ValueError, match="invalid literal"):
        int(forms["garbage"])


@pytest.mark.parametrize(
    ("token", "status", "retry_after"),
    [
        ("fault-410-x", 410, None),
        ("fault-404-x", 404, None),
        ("fault-429-x", 429, "1"),
        ("fault-503-120s-x", 503, "120"),
        ("fault-500-x", 500, None),
        ("fault-413-x", 413, None),
    ],
)
async def test_an_address_says_what_it_answers(
    sandbox: Sandbox, server: AppServer, token: str, status: int, retry_after: str | None
) -> None:
    """A shop rehearses a failure by the endpoint alone."""
    answer = await server.post(sandbox.webpush_url + token, b"")
    assert (answer.status, answer.headers.get("Retry-After")) == (status, retry_after)


async def test_an_address_that_asks_for_nothing_known_is_unknown(sandbox: Sandbox, server: AppServer) -> None:
    """A slip of the pen is a 404, not a success."""
    for token in ("fault-999-x", "fault-nonsense-x", "fault-410"):
        assert (await server.post(sandbox.webpush_url + token, b"")).status == 404


async def test_a_redirect_points_elsewhere(sandbox: Sandbox, server: AppServer) -> None:
    """For senders that must not follow it."""
    for status in (301, 307):
        answer = await server.post(sandbox.webpush_url + f"fault-{status}-x", b"")
        assert answer.status == status
        assert answer.headers["Location"]


async def test_a_delay_comes_before_a_right_answer(sandbox: Sandbox, server: AppServer) -> None:
    """A slow push service is not a broken one."""
    (slow,) = sandbox.mint(1, server.key.public, prefix="fault-delay-150ms-")
    begun = time.monotonic()
    assert (await server.send(slow)).status == 201
    assert time.monotonic() - begun >= 0.15


async def test_delays_of_rules_add_up(sandbox: Sandbox, server: AppServer) -> None:
    """Latency by one rule, failure by another."""
    sandbox.order_faults(Rule(kind="delay", latency_ms=80), Rule(status=503, latency_ms=80, jitter_ms=1))
    begun = time.monotonic()
    assert await statuses(server, sandbox, 1) == [503]
    assert time.monotonic() - begun >= 0.16


async def test_a_hang_says_nothing(sandbox: Sandbox, server: AppServer) -> None:
    """The connection stands and no byte comes."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await server.post(sandbox.webpush_url + "fault-hang-x", b"")


async def test_a_reset_breaks_the_answer_off(sandbox: Sandbox, server: AppServer) -> None:
    """Half a status line, and a reset instead of an end."""
    with pytest.raises(aiohttp.ClientOSError):
        await server.post(sandbox.webpush_url + "fault-reset-x", b"")


async def test_a_dribble_takes_its_time(sandbox: Sandbox, server: AppServer) -> None:
    """The head is there at once, the body a byte at a time."""
    sandbox.order_faults(Rule(kind="dribble", status=503, body="abcdef", dribble_ms=30))
    (device,) = sandbox.mint(1, server.key.public)
    begun = time.monotonic()
    answer = await server.send(device)
    assert (answer.status, answer.body) == (503, b"abcdef")
    assert time.monotonic() - begun >= 0.15


async def test_a_huge_answer_is_huge(sandbox: Sandbox, server: AppServer) -> None:
    """As many bytes as ordered."""
    sandbox.order_faults(Rule(kind="huge", status=500, body_bytes=1_000_001))
    (device,) = sandbox.mint(1, server.key.public)
    assert len((await server.send(device)).body) == 1_000_001


async def test_a_lost_answer_to_an_accepted_message(sandbox: Sandbox, server: AppServer) -> None:
    """The message is in the ledger although the sender only saw a broken connection."""
    sandbox.order_faults(Rule(kind="reset", after_accept=True))
    (device,) = sandbox.mint(1, server.key.public)

    with pytest.raises(aiohttp.ClientOSError):
        await server.send(device)

    assert sandbox.ledger.path is not None
    (entry,) = Ledger.read(sandbox.ledger.path)
    assert entry.answer_lost
    assert entry.decrypted


async def test_faults_are_ordered_over_http(sandbox: Sandbox, server: AppServer) -> None:
    """Put, seen with its counts, and taken away."""
    url = f"{sandbox.origin}/sandbox/faults"
    async with server.http.put(url, json={"rules": [{"name": "storm", "status": 503}]}) as answer:
        assert answer.status == 200
    assert await statuses(server, sandbox, 1) == [503]
    async with server.http.get(url) as answer:
        (rule,) = (await answer.json())["rules"]
    assert (rule["name"], rule["seen"], rule["struck"]) == ("storm", 1, 1)
    async with server.http.delete(url) as answer:
        assert answer.status == 200
    assert await statuses(server, sandbox, 1) == [201]


@pytest.mark.parametrize("rule", [{"status": 99}, {"probability": 2}, {"every": 0}, {"hang_s": 1e9}, {"stauts": 500}])
async def test_a_wrong_order_is_refused_with_a_sentence(
    sandbox: Sandbox, server: AppServer, rule: dict[str, float]
) -> None:
    """Out of range, or misspelt: 422 and no rule in force."""
    async with server.http.put(f"{sandbox.origin}/sandbox/faults", json={"rules": [rule]}) as answer:
        assert answer.status == 422
        assert (await answer.json())["error"]
    assert await statuses(server, sandbox, 1) == [201]
