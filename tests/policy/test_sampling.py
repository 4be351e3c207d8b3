"""From a few to all: fair, and as sure as it says."""

from random import Random

import pytest

from gateway.model.ids import ID_BITS
from gateway.policy.sampling import LOOK_SHARE, Stretch, estimated, share_for, stretch

KEYS = 1 << ID_BITS


def test_a_stretch_has_its_share_and_lies_within_the_ids():
    """Wherever it falls."""
    dice = Random(3)
    for share in (1e-12, LOOK_SHARE, 0.02, 0.999, 1.0, 3.0):
        for _ in range(50):
            part = stretch(share, dice)
            assert 0 <= part.low < part.high <= KEYS
            assert part.share == pytest.approx(min(share, 1.0), rel=1e-6)


def test_a_small_app_is_counted():
    """No guess where counting is as quick."""
    assert share_for(0) is None
    assert share_for(24) is None
    assert share_for(977) == pytest.approx(12_000 / (977 / LOOK_SHARE))


@pytest.mark.parametrize("members", [0, 1, 40, 3_000])
@pytest.mark.parametrize("share", [0.01, 0.3])
def test_the_margin_holds_in_95_of_100_samples(members: int, share: float):
    """Few, many or none: the truth lies within what is said."""
    dice = Random(11)
    trials, held = 100, 0
    for _ in range(trials):
        found = _drawn(dice, members, share)
        guess = estimated(found, found, share=share)
        held += abs(guess.value - members) <= guess.margin
    assert held >= 0.95 * trials - 5  # 5: a trial of trials has its own chance


def _drawn(dice: Random, members: int, share: float) -> int:
    return sum(dice.random() < share for _ in range(members))


def test_a_margin_is_no_wider_than_it_has_to_be():
    """Ten thousand found are known to two in a hundred, all of them for sure."""
    assert estimated(10_000, 10_000, share=0.01).margin < 10_000 / 0.01 * 0.021
    assert estimated(10_000, 10_000, share=1.0).margin < 5
    assert Stretch(0, KEYS).share == 1.0
