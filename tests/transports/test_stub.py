"""The rehearsal: each answer that a token can ask for, and what it becomes."""

import pytest

from gateway.model.delivery import Accepted, Gone, Misconfigured, Outcome, Push, Rejected, Retry, Suspect
from gateway.model.errors import Invalid
from gateway.transports.base import Credential, Transport
from gateway.transports.stub import Provider
from tests.transports.fakes import made
from tests.transports.samples import SUBJECT, Sample

KEY = Provider.load("rehearsal", SUBJECT)
CREDENTIAL = Credential(
    app_id=1, id=1, public_id=1, provider="stub", is_current=True, public=KEY.public, secret=KEY.secret
)  # fmt: skip


def sample() -> Sample:
    """For the tests that every provider passes."""
    return Sample(
        device={"token": "accepted:phone"},
        junk=[
            ({}, "token"),
            ({"token": 5}, "token"),
            ({"token": "accepted"}, "token"),
            ({"token": "delivered:phone"}, "token"),
            ({"token": "retry/x:phone"}, "token"),
            ({"token": "gone:a phone"}, "token"),
        ],
        credential=CREDENTIAL,
    )


@pytest.mark.parametrize(
    ("token", "outcome"),
    [
        ("accepted:a", Accepted("rehearsed")),
        ("gone:a", Gone("rehearsed")),
        ("rejected:a", Rejected("rehearsed")),
        ("suspect:a", Suspect("rehearsed")),
        ("misconfigured:a", Misconfigured("rehearsed")),
        ("retry:a", Retry("rehearsed")),
        ("retry/30:a", Retry("rehearsed", after_s=30)),
        ("throttled/60:a", Retry("throttled", after_s=60, scope="lane")),
    ],
)
async def test_a_token_says_what_becomes_of_each_push(token: str, outcome: Outcome):
    """A shop sees how its failures look before they happen."""
    transport: Transport = made(Provider)
    push = Push(1, 1, transport.address({"token": token}).wire, b"{}", 60, "normal", None)

    assert await transport.send(push, CREDENTIAL) == outcome


def test_an_app_has_no_such_devices_by_itself():
    """Nobody's public routes take them until the operator gave the app a key."""
    assert Provider.generate(SUBJECT) is None


def test_fields_of_its_own_are_refused():
    """Nobody would read them."""
    with pytest.raises(Invalid, match="no fields") as refused:
        made(Provider).check_extra({"sound": "bell"})

    assert refused.value.param == "stub.sound"
