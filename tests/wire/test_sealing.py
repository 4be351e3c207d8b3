"""Encryption side by side with everything else that a process does."""

import asyncio
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.model.limits import AGREEMENT_ENTRY_BYTES
from gateway.wire import ece
from gateway.wire.agreements import Agreements
from gateway.wire.ecdh import point_of
from gateway.wire.sealing import Sealing

AUTH = bytes(range(16))
BROWSER = ec.generate_private_key(ec.SECP256R1())
POINT = point_of(BROWSER.public_key())
BAD_POINT = b"\x04" + bytes(64)


def read(body: bytes) -> bytes:
    return ece.decrypt(body, private_key=BROWSER, auth=AUTH)


async def test_each_gets_its_own_body():
    """However many ask at once."""
    sealing = Sealing()
    texts = [b"%d" % number for number in range(50)]

    bodies = await asyncio.gather(*(sealing.seal(text, p256dh=POINT, auth=AUTH) for text in texts))

    assert [read(body) for body in bodies] == texts


async def test_who_cannot_be_encrypted_for_fails_alone():
    """A damaged row among good ones."""
    sealing = Sealing()

    found = await asyncio.gather(
        *(sealing.seal(b"x", p256dh=point, auth=AUTH) for point in (POINT, BAD_POINT, POINT)), return_exceptions=True
    )

    assert [isinstance(one, ValueError) for one in found] == [False, True, False]


async def test_the_loop_turns_while_many_are_encrypted():
    """Timers and answers are looked at every 64 bodies, not after all of them."""
    sealing = Sealing()
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    await asyncio.gather(*(sealing.seal(b"x", p256dh=POINT, auth=AUTH) for _ in range(640)))
    counting.cancel()

    assert turns >= 10


async def test_who_gave_up_costs_nothing():
    """A stop cancels sends; their bodies are not encrypted any more, the others' are."""
    sealing = Sealing()
    given_up = [asyncio.create_task(sealing.seal(b"x", p256dh=POINT, auth=AUTH)) for _ in range(400)]
    wanted = asyncio.create_task(sealing.seal(b"wanted", p256dh=POINT, auth=AUTH))
    await asyncio.sleep(0)
    for task in given_up:
        task.cancel()
    before_s = time.process_time()

    assert read(await wanted) == b"wanted"
    assert time.process_time() - before_s < 400 * 50e-6


async def test_a_key_made_ahead_is_used_at_once():
    """No turn of the loop is waited for: the body is there before anything else runs."""
    sealing = Sealing()
    assert sealing.make_ahead(p256dh=POINT, auth=AUTH)
    asking = sealing.seal(b"ahead", p256dh=POINT, auth=AUTH)

    with pytest.raises(StopIteration) as finished:
        asking.send(None)

    assert read(finished.value.value) == b"ahead"
    assert read(await sealing.seal(b"then as ever", p256dh=POINT, auth=AUTH)) == b"then as ever"
    sealing.close()


async def test_there_is_an_end_to_what_is_made_ahead():
    """Whoever makes keys ahead hears that there is no more room, and stops."""
    sealing = Sealing(Agreements(bytes_max=AGREEMENT_ENTRY_BYTES))

    assert sealing.make_ahead(p256dh=POINT, auth=AUTH)
    assert not sealing.make_ahead(p256dh=POINT, auth=AUTH)
    assert not sealing.make_ahead(p256dh=POINT, auth=bytes(16))
    sealing.close()


async def test_keys_made_ahead_go_when_their_time_is_up_and_at_the_end():
    """Also where nothing is sent any more: by a timer of their own, and when the process closes."""
    agreements = Agreements()
    sealing = Sealing(agreements, life_s=0.05)
    sealing.make_ahead(p256dh=POINT, auth=AUTH)

    await asyncio.sleep(0.1)
    assert len(agreements) == 0

    sealing.make_ahead(p256dh=POINT, auth=AUTH)
    sealing.close()
    assert len(agreements) == 0
