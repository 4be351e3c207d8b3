"""The receipt token: only the device that got a message can report what became of it."""

import base64
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.event import ReceiptKind
from gateway.model.limits import RECEIPT_TOKEN_DAYS
from gateway.policy.receipt_token import ALL_KINDS, ReceiptClaim, ReceiptSigner, app_of, read

TODAY = date(2026, 12, 1)
OLD, NEW = b"o" * 32, b"n" * 32
SIGNER = ReceiptSigner(7, 2, NEW)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
IDS = st.integers(0, 2**62 - 1)


def token(
    *, day: date = TODAY, kinds: int = ALL_KINDS, signer: ReceiptSigner = SIGNER, person: str | None = None
) -> str:
    return signer.sign(message_id=2**61 + 3, subscription_id=2**60 + 9, day=day, kinds=kinds, person=person)


@given(
    app_id=st.integers(1, 2**32 - 1),
    key_id=st.integers(0, 255),
    message_id=IDS,
    subscription_id=IDS,
    days=st.integers(0, 30),
    kinds=st.integers(0, 7),
)
def test_a_token_says_what_it_was_made_of(
    *, app_id: int, key_id: int, message_id: int, subscription_id: int, days: int, kinds: int
):
    """Whatever the ids, the receipt is booked for the message and device that it came from."""
    day = TODAY - timedelta(days=days)
    signer = ReceiptSigner(app_id, key_id, NEW)

    text = signer.sign(message_id=message_id, subscription_id=subscription_id, day=day, kinds=kinds)

    assert len(text) == 55
    assert set(text) <= set(ALPHABET)
    assert app_of(text) == app_id
    assert read(text, secrets={key_id: NEW}, today=TODAY) == ReceiptClaim(
        app_id, message_id, subscription_id, day, kinds, key_id=key_id
    )


@pytest.mark.parametrize("place", range(55))
def test_a_token_with_any_character_changed_is_refused(place: int):
    """There is one spelling of a token, and every bit of it counts."""
    text = token()
    others = [text[:place] + other + text[place + 1 :] for other in ALPHABET + "+/=" if other != text[place]]

    assert [changed for changed in others if read(changed, secrets={2: NEW}, today=TODAY) is not None] == []


def test_a_token_of_another_app_is_refused():
    """Apps have secrets of their own: a shop cannot report for its rival."""
    foreign = token(signer=ReceiptSigner(8, 2, b"x" * 32))

    assert read(foreign, secrets={2: NEW}, today=TODAY) is None


def test_the_old_secret_is_good_while_the_new_one_takes_over():
    """Changing the secret loses no receipt of what is still on devices; dropping it ends them."""
    before = token(signer=ReceiptSigner(7, 1, OLD))

    assert read(before, secrets={1: OLD, 2: NEW}, today=TODAY) is not None
    assert read(before, secrets={2: NEW}, today=TODAY) is None
    assert read(before, secrets={1: NEW, 2: NEW}, today=TODAY) is None


@pytest.mark.parametrize(
    ("days_old", "is_good"),
    [(-2, False), (-1, True), (0, True), (RECEIPT_TOKEN_DAYS, True), (RECEIPT_TOKEN_DAYS + 1, False)],
)
def test_a_token_is_good_for_thirty_days(days_old: int, *, is_good: bool):
    """Older reports are of no use; a day ahead is a clock around midnight, two are a forgery."""
    found = read(token(day=TODAY - timedelta(days=days_old)), secrets={2: NEW}, today=TODAY)

    assert (found is not None) is is_good


@pytest.mark.parametrize("kind", list(ReceiptKind))
def test_a_token_is_good_for_its_kinds_only(kind: ReceiptKind):
    """A token made for one kind of report does not serve another."""
    claim = read(token(kinds=1 << kind), secrets={2: NEW}, today=TODAY)

    assert claim is not None
    assert [one for one in ReceiptKind if claim.allows(one)] == [kind]


@pytest.mark.parametrize(
    ("person", "names", "is_for"),
    [
        ("ada", ["ada"], True),
        ("ada", ["cust-17", "ada"], True),
        ("ada", ["bob"], False),
        ("ada", [], True),
        (None, ["bob"], False),
        (None, [], True),
    ],
)
def test_a_token_tells_whom_the_message_was_for(person: str | None, names: list[str], *, is_for: bool):
    """Not who it was, only whether it was one of these; nobody's device is still that of who left it."""
    claim = read(token(person=person), secrets={2: NEW}, today=TODAY)

    assert claim is not None
    assert claim.is_for(names, secrets={2: NEW}) is is_for


def test_the_mark_of_a_person_is_another_one_on_each_device():
    """Who collects tokens cannot tell that two devices are one person's."""
    marks = {
        read(SIGNER.sign(message_id=1, subscription_id=one, day=TODAY, person="ada"), secrets={2: NEW}, today=TODAY)
        for one in range(9)
    }

    assert len({claim.mark for claim in marks if claim is not None}) == 9


@pytest.mark.parametrize("text", ["", "A", "A" * 54, "A" * 55, "A" * 56, "é" * 55, " " * 55, "=" * 55, "\0" * 55])
def test_junk_is_refused_quietly(text: str):
    """Anybody may send anything to the receipts' address."""
    assert read(text, secrets={0: NEW, 2: NEW}, today=TODAY) is None


@given(raw=st.binary(min_size=41, max_size=41))
def test_nobody_guesses_a_token(raw: bytes):
    """Without the secret no 41 bytes are a token, whatever app and key they claim."""
    assert (
        read(base64.urlsafe_b64encode(raw).decode()[:55], secrets=dict.fromkeys(range(256), NEW), today=TODAY) is None
    )
