"""Over how long the devices of a message spread what they report."""

import re

import pytest

from gateway.model.limits import SPREAD_S_MAX
from gateway.policy.spreading import spread_s
from tests.house.tree import ROOT


@pytest.mark.parametrize(
    ("recipients", "seconds"), [(0, 0), (1_999, 0), (2_000, 2), (7_500, 7), (25_000, 25), (1_000_000, SPREAD_S_MAX)]
)
def test_the_more_there_are_the_longer_it_takes(recipients: int, seconds: int):
    """A thousand a second, within what browsers let a worker wait; a few need not wait at all."""
    assert spread_s(recipients) == seconds


def test_the_worker_waits_as_long_as_it_is_told():
    """Its own bound is ours: a smaller one would bring everybody back to the beginning."""
    found = re.search(r"SPREAD_MAX_S = (\d+)", (ROOT / "sdk-js/src/payload.js").read_text())
    assert found is not None
    assert int(found[1]) == SPREAD_S_MAX
