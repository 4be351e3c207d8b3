"""From options to the request: what an option says goes into its place, beside what the file says."""

from typing import Any

import pytest

from gateway.cli import progress
from gateway.cli.message_options import request_of

_TIME = "2026-12-01T09:00:00Z"


@pytest.mark.parametrize(
    ("message", "flags", "inbox"),
    [
        ({}, {"inbox": True}, True),
        ({}, {"inbox_until": _TIME}, {"until": _TIME}),
        ({}, {"inbox": True, "banner": True}, {"banner": True}),
        ({"inbox": True}, {"banner": True}, {"banner": True}),
        ({"inbox": {"until": _TIME}}, {"banner": True}, {"until": _TIME, "banner": True}),
        ({"inbox": {"banner": True}}, {}, {"banner": True}),
        ({}, {}, None),
    ],
)  # fmt: skip
def test_how_a_message_stays_in_the_inbox(message: dict[str, Any], flags: dict[str, Any], inbox: object) -> None:
    """`--inbox`, `--inbox-until TIME` and `--banner`, alone, together, and over a file."""
    every = {"inbox": None, "inbox_until": None, "banner": None, **flags}
    assert request_of(message, every).get("inbox") == inbox


def test_an_order_that_goes_to_nobody_says_so():
    """Done at once is no success where nobody had a device."""
    assert "none of those people has a device" in progress.taken({"id": "msg_1", "state": "done"})
    assert progress.taken({"id": "msg_1", "state": "accepted"}).startswith("msg_1 is accepted. See")
