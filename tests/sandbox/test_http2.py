"""HTTP/2 as a client must bear it: limits of streams, small windows, and every way in which a line can fail."""

import asyncio
import time

import msgspec
import pytest
from h2.settings import SettingCodes

from gateway.sandbox import Ledger, Rule, Sandbox
from gateway.sandbox.http2 import Conduct
from sandbox.actors import AppServer, sealed
from sandbox.app_senders import ALERT, BUNDLE, AppleSender, GoogleSender
from sandbox.raw_http2 import RawHttp2

REFUSED_STREAM = 7
CANCEL = 8
BODY = msgspec.json.encode(ALERT)


@pytest.fixture
def device(sandbox: Sandbox) -> str:
    (token,) = sandbox.phones.mint(1, "apns", BUNDLE)
    return token


def ask(apple: AppleSender, line: RawHttp2, device: str) -> int:
    return line.ask(f"/3/device/{device}", apple.headers(), BODY)


def accepted(sandbox: Sandbox) -> int:
    return sandbox.ledger.counters["accepted"]


# --- streams ----------------------------------------------------------------------------------------------------------
async def test_a_new_line_carries_one_request(sandbox: Sandbox, apple: AppleSender, device: str) -> None:
    """A second one is refused until the first was answered; then a thousand are welcome."""
    line = await apple.line()
    first, second = ask(apple, line, device), ask(apple, line, device)

    assert (await line.answer(first)).status == 200
    assert (await line.answer(second)).reset_code == REFUSED_STREAM
    await line.until(lambda: line.limits == [1, 1000])
    assert all([(await line.answer(one)).status == 200 for one in [ask(apple, line, device) for _ in range(200)]])
    assert sandbox.ledger.counters["h2_streams_refused"] == 1


async def test_a_stranger_keeps_to_one_stream(sandbox: Sandbox, apple: AppleSender, device: str) -> None:
    """A refused token does not open the line."""
    line = await apple.line()
    assert (await apple.send(line, device, authorization="bearer x")).status == 403
    assert line.limits == [1]
    assert (await apple.send(line, device)).status == 200
    await line.until(lambda: line.limits == [1, 1000])


async def test_the_limit_is_lowered_and_raised_again(sandbox: Sandbox, apple: AppleSender, device: str) -> None:
    """By a rule, for a while; the requests themselves go on."""
    line = await apple.line()
    sandbox.order_faults(Rule(kind="streams", streams=1, streams_for_s=0.2, first=1, times=1))
    assert (await apple.send(line, device)).status == 200
    assert (await apple.send(line, device)).status == 200
    await line.until(lambda: line.limits == [1, 1000, 1])
    first, second = ask(apple, line, device), ask(apple, line, device)
    assert (await line.answer(second)).reset_code == REFUSED_STREAM
    assert (await line.answer(first)).status == 200
    await line.until(lambda: line.limits == [1, 1000, 1, 1000])
    assert (await line.answer(ask(apple, line, device))).status == 200


async def test_all_lines_get_another_limit(sandbox: Sandbox, apple: AppleSender) -> None:
    """From outside, at any time."""
    lines = [await apple.line(), await apple.line()]
    sandbox.limit_streams(3)
    for line in lines:
        await line.until(lambda line=line: line.limits == [1, 3])


async def test_a_lowered_limit_counts_from_its_acknowledgement(
    sandbox: Sandbox, apple: AppleSender, device: str
) -> None:
    """What was on its way already is no fault of the client's."""
    line = await opened(apple, device)
    await apple.send(line, device)  # behind the acknowledgement of the limit before
    sandbox.limit_streams(1)
    early = [ask(apple, line, device) for _ in range(5)]
    assert [(await line.answer(one)).status for one in early] == [200] * 5


async def test_small_windows_slow_a_request_down(sandbox: Sandbox, apple: AppleSender, device: str) -> None:
    """The body goes out in pieces as the window opens."""
    sandbox.apple_conduct = Conduct(streams_first=1, window_bytes=20, window_pause_ms=30)
    line = await apple.line()
    await line.until(lambda: line.h2.remote_settings.initial_window_size == 20)
    number = line.begin(f"/3/device/{device}", apple.headers())
    pieces = [BODY[at : at + 20] for at in range(0, len(BODY), 20)]
    begun = time.monotonic()
    for piece in pieces:
        await line.more(number, piece, is_end=piece is pieces[-1])
    assert (await line.answer(number)).status == 200
    assert time.monotonic() - begun >= 0.03 * (len(pieces) - 1)


async def test_a_client_with_a_small_window_gets_its_answer(sandbox: Sandbox, apple: AppleSender, device: str) -> None:
    """An error body waits for room, in pieces of seven bytes."""
    sandbox.order_faults(Rule(reason="InternalServerError"))
    line = await apple.line(settings={SettingCodes.INITIAL_WINDOW_SIZE: 7})
    await asyncio.sleep(0.05)
    answer = await apple.send(line, device)
    assert answer.reason == "InternalServerError"
    assert sandbox.ledger.counters["h2_waits_for_window"] > 0


async def test_a_client_that_gives_no_credit_hears_no_more(sandbox: Sandbox, apple: AppleSender, device: str) -> None:
    """Error bodies use the line's window up: what broke a well-known library after 1,213 answers."""
    line = await apple.line()
    await apple.send(line, device)
    line.acknowledges = False
    sandbox.order_faults(Rule(status=400, body="x" * 1000))
    answered = 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            while answered < 200:
                await apple.send(line, device)
                answered += 1
    assert answered == 65


# --- faults -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("code", [REFUSED_STREAM, CANCEL, 2, 11, 0x1234])
async def test_a_stream_is_reset(sandbox: Sandbox, apple: AppleSender, device: str, code: int) -> None:
    """With any code; the line goes on, and nothing was taken."""
    sandbox.order_faults(Rule(kind="reset_stream", error_code=code, times=1))
    line = await apple.line()
    assert (await line.answer(ask(apple, line, device))).reset_code == code
    assert accepted(sandbox) == 0
    assert (await apple.send(line, device)).status == 200


async def test_an_accepted_push_is_reset(sandbox: Sandbox, apple: AppleSender, device: str) -> None:
    """The sender cannot know; the ledger does."""
    sandbox.order_faults(Rule(kind="reset_stream", error_code=2, after_accept=True))
    line = await apple.line()
    assert (await line.answer(ask(apple, line, device))).reset_code == 2
    assert sandbox.ledger.path is not None
    (entry,) = Ledger.read(sandbox.ledger.path)
    assert entry.answer_lost


async def opened(apple: AppleSender, device: str) -> RawHttp2:
    """A line that carries many."""
    line = await apple.line()
    await apple.send(line, device)
    await line.until(lambda: line.limits == [1, 1000])
    return line


async def test_goaway_before_a_request_leaves_it_unprocessed(sandbox: Sandbox, apple: AppleSender, device: str) -> None:
    """The last stream is the one before; this one and all behind it were not taken."""
    line = await opened(apple, device)
    sandbox.order_faults(Rule(kind="goaway", goaway_last="before", goaway_reason="Shutdown", first=2))
    numbers = [ask(apple, line, device) for _ in range(5)]

    await line.until(lambda: line.is_lost)

    assert line.goaway is not None
    assert (line.goaway.last_stream_id, line.goaway.additional_data) == (numbers[1], b'{"reason":"Shutdown"}')
    assert [line.answers[number].status for number in numbers] == [200, 200, 0, 0, 0]
    assert accepted(sandbox) == 3


async def test_goaway_with_a_request_answers_it_and_those_before(
    sandbox: Sandbox, apple: AppleSender, device: str
) -> None:
    """Up to the last stream everybody gets an answer, late ones as well."""
    line = await opened(apple, device)
    sandbox.order_faults(
        Rule(kind="delay", latency_ms=100, times=1), Rule(kind="goaway", goaway_last="this", error_code=2, first=2)
    )
    numbers = [ask(apple, line, device) for _ in range(5)]

    await line.until(lambda: line.is_lost)

    assert line.goaway is not None
    assert (line.goaway.last_stream_id, line.goaway.error_code) == (numbers[2], 2)
    assert [line.answers[number].status for number in numbers] == [200, 200, 200, 0, 0]


async def test_goaway_without_answers_leaves_all_unknown(sandbox: Sandbox, apple: AppleSender, device: str) -> None:
    """Taken, said to be taken, and not answered."""
    line = await opened(apple, device)
    sandbox.order_faults(Rule(kind="goaway", goaway_answers=False))
    number = ask(apple, line, device)

    await line.until(lambda: line.is_lost)

    assert line.goaway is None or line.goaway.last_stream_id == number
    assert line.answers[number].status == 0
    assert accepted(sandbox) == 2


async def test_a_line_is_cut_in_the_middle_of_an_answer(sandbox: Sandbox, apple: AppleSender, device: str) -> None:
    """A status, half a frame, and a TCP reset."""
    sandbox.order_faults(Rule(kind="reset"))
    line = await apple.line()
    number = ask(apple, line, device)
    await line.until(lambda: line.is_lost)
    assert not line.answers[number].is_whole


async def test_a_hanging_request_ends_in_a_reset(sandbox: Sandbox, apple: AppleSender, device: str) -> None:
    """Its neighbours are answered meanwhile."""
    line = await opened(apple, device)
    sandbox.order_faults(Rule(kind="hang", hang_s=0.3, times=1))
    begun = time.monotonic()
    hanging, other = ask(apple, line, device), ask(apple, line, device)
    assert (await line.answer(other)).status == 200
    assert time.monotonic() - begun < 0.3
    assert (await line.answer(hanging)).reset_code == 2


async def test_a_frozen_line_answers_no_ping(sandbox: Sandbox, apple: AppleSender, device: str) -> None:
    """It stands and says nothing, until it is cut."""
    line = await opened(apple, device)
    line.h2.ping(b"12345678")
    line.flush()
    await line.until(lambda: line.pongs == 1)
    sandbox.order_faults(Rule(kind="freeze", hang_s=0.3))
    ask(apple, line, device)
    await asyncio.sleep(0.1)
    line.h2.ping(b"12345678")
    line.flush()
    assert not line.is_lost
    await line.until(lambda: line.is_lost)
    assert line.pongs == 1


async def test_an_answer_comes_byte_by_byte_or_without_end(sandbox: Sandbox, apple: AppleSender, device: str) -> None:
    """A dribble takes its time, a huge body obeys the windows."""
    line = await opened(apple, device)
    sandbox.order_faults(
        Rule(kind="dribble", status=500, body="abcdef", dribble_ms=20, times=1),
        Rule(kind="huge", status=500, body_bytes=300_000),
    )
    begun = time.monotonic()
    assert (await apple.send(line, device)).body == b"abcdef"
    assert time.monotonic() - begun >= 0.1
    assert len((await apple.send(line, device)).body) == 300_000


async def test_nonsense_ends_the_line(sandbox: Sandbox, apple: AppleSender) -> None:
    """Data of no stream; nobody else is hurt."""
    line = await apple.line()
    assert line._writer is not None
    line._writer.write(b"\0\0\4\0\1\0\0\0\0abcd")
    await line.until(lambda: line.is_lost)
    assert sandbox.ledger.counters["h2_protocol_errors"] == 1


async def test_a_body_without_end_is_refused(sandbox: Sandbox, apple: AppleSender, device: str) -> None:
    """Memory has a bound: the stream is reset."""
    line = await opened(apple, device)
    number = line.begin(f"/3/device/{device}", apple.headers())
    for _ in range(5):
        await line.more(number, b"x" * 13_200)
    assert (await line.answer(number)).reset_code == 11


async def test_a_browsers_endpoint_takes_a_message(sandbox: Sandbox, google: GoogleSender, server: AppServer) -> None:
    """Judged as over HTTP/1.1, with the same headers in the answer; faults are the same, too."""
    host = "updates.push.services.mozilla.com"
    (device,) = sandbox.mint(1, server.key.public)
    path = "/wpush/v2/" + device["endpoint"].rpartition("/")[2]
    headers = [(name.lower(), value) for name, value in server.headers(f"https://{host}{path}").items()]
    line = await google.line(host)

    answer = await line.post(path, headers, sealed(device, b"{}"))

    assert (answer.status, answer.headers["ttl"]) == (201, "60")
    assert answer.headers["location"].startswith(f"https://{host}/m/")
    assert sandbox.ledger.counters["decrypted"] == 1
    assert (await line.post("/wpush/v2/fault-503-7s-x", headers, b"")).headers["retry-after"] == "7"


async def test_one_port_serves_browsers_and_apps(sandbox: Sandbox, google: GoogleSender) -> None:
    """fcm.googleapis.com answers Web Push by path, in HTTP/2 as well."""
    line = await google.line()
    answer = await line.post("/fcm/send/nobody", [("ttl", "60")])
    assert (answer.status, answer.json["errno"]) == (404, 102)
    asked = await line.post("/v1/projects/x/messages:send", [], b"{}")
    assert (asked.status, asked.json["error"]["status"]) == (401, "UNAUTHENTICATED")
    assert line.limits == [100]
