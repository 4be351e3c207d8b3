"""Keys made ahead: each serves one body of one receiver, memory stays within its bound, and none grows old."""

import tracemalloc

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.model.limits import AGREEMENT_ENTRY_BYTES, AGREEMENTS_BYTES_MAX
from gateway.wire import ece
from gateway.wire.agreements import Agreements
from gateway.wire.ecdh import point_of

AUTH = bytes(range(16))
OTHER_AUTH = bytes(16)
BROWSER = ec.generate_private_key(ec.SECP256R1())
POINT = point_of(BROWSER.public_key())
OTHER_POINT = point_of(ec.generate_private_key(ec.SECP256R1()).public_key())


def made(*receivers: tuple[bytes, bytes], entries_max: int = 100) -> Agreements:
    agreements = Agreements(bytes_max=entries_max * AGREEMENT_ENTRY_BYTES)
    assert all(agreements.make(*receiver) for receiver in receivers)
    return agreements


def test_a_body_from_a_key_made_ahead_can_be_read():
    """To the browser it is a body like any other."""
    made_ahead = made((POINT, AUTH)).take(POINT, AUTH)

    assert made_ahead is not None
    assert ece.decrypt(ece.seal(b"text", made_ahead), private_key=BROWSER, auth=AUTH) == b"text"


def test_a_key_serves_once():
    """Two bodies under one key could be told to belong together; whoever takes it takes it away."""
    agreements = made((POINT, AUTH))

    first, second = agreements.take(POINT, AUTH), agreements.take(POINT, AUTH)

    assert first is not None
    assert second is None
    assert len(agreements) == 0


@pytest.mark.parametrize("receiver", [(OTHER_POINT, AUTH), (POINT, OTHER_AUTH)], ids=["point", "auth"])
def test_a_key_is_for_exactly_one_receiver(receiver: tuple[bytes, bytes]):
    """A device that changed its keys gets a new one made for these; the old would give it text that it cannot read."""
    agreements = made((POINT, AUTH))

    assert agreements.take(*receiver) is None
    assert len(agreements) == 1


def test_one_is_made_for_a_receiver_and_no_more():
    """Nothing is computed again for who is provided for, be it since the last turn or since before."""
    agreements = made((POINT, AUTH))

    assert not agreements.make(POINT, AUTH)
    agreements.turn()
    assert not agreements.make(POINT, AUTH)
    assert len(agreements) == 1


def test_a_new_one_is_a_new_key():
    """After its use the receiver gets a fresh one."""
    agreements = made((POINT, AUTH))
    first = agreements.take(POINT, AUTH)
    agreements.make(POINT, AUTH)
    second = agreements.take(POINT, AUTH)

    assert first is not None
    assert second is not None
    assert first.sender_public != second.sender_public
    assert first.keying_material != second.keying_material


def test_when_it_is_full_the_oldest_stays():
    """It was made for what is sent first; the newcomer is refused, and welcome when there is room again."""
    agreements = made((POINT, AUTH), (POINT, OTHER_AUTH), entries_max=2)

    assert not agreements.make(OTHER_POINT, AUTH)
    assert agreements.take(POINT, AUTH) is not None
    assert agreements.make(OTHER_POINT, AUTH)


def test_what_nobody_came_for_is_forgotten():
    """At the second turn, so that a life has a shortest and a longest time."""
    agreements = made((POINT, AUTH), (OTHER_POINT, AUTH))

    agreements.turn()
    assert agreements.take(POINT, AUTH) is not None
    agreements.turn()

    assert agreements.take(OTHER_POINT, AUTH) is None
    assert len(agreements) == 0


def test_keys_that_no_browser_has_are_refused():
    """A damaged row takes no room."""
    agreements = made()

    with pytest.raises(ValueError, match="not a point on the curve"):
        agreements.make(b"\x04" + bytes(64), AUTH)
    assert len(agreements) == 0


def test_nothing_of_a_key_shows_in_a_traceback():
    """What is kept here opens messages."""
    agreements = made((POINT, AUTH))
    taken = agreements.take(POINT, AUTH)

    assert taken is not None
    assert repr(taken.keying_material)[2:-1] not in repr(agreements)


def test_one_entry_takes_no_more_than_is_counted():
    """The bound on memory is as honest as this figure: also at the moment when the table grows."""
    receivers = [(POINT, number.to_bytes(16, "big")) for number in range(2_800)]
    agreements = Agreements()
    rounding_bytes = 29
    """Of the two objects of an entry to multiples of 16, which tracemalloc does not see."""

    tracemalloc.start()
    try:
        for receiver in receivers:
            agreements.make(*receiver)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak_bytes / len(agreements) + rounding_bytes <= AGREEMENT_ENTRY_BYTES
    assert AGREEMENTS_BYTES_MAX // AGREEMENT_ENTRY_BYTES > 200_000
