"""From a few to all: fair, and as sure as it says."""

from itertools import pairwise
from random import Random

import pytest

from gateway.model.ids import ID_BITS
from gateway.policy.sampling import LOOK_SHARE, Stretch, estimated, people_estimated, share_for, stretch, stretches

KEYS = 1 << ID_BITS


def test_a_stretch_has_its_share_and_lies_within_the_ids():
    """Wherever it falls."""
    dice = Random(3)
    for share in (1e-12, LOOK_SHARE, 0.02, 0.999, 1.0, 3.0):
        for _ in range(50):
            part = stretch(share, dice)
            assert 0 <= part.low < part.high <= KEYS
            assert part.share == pytest.approx(min(share, 1.0), rel=1e-6)


def test_stretches_are_spread_over_the_ids_and_have_their_share_together():
    """One in each part; nothing is read twice, and nothing but the ids."""
    dice = Random(3)
    for share in (0.001, 0.02, 0.5, 1.0):
        found = stretches(share, dice, parts=16)
        assert len(found) == 16
        assert [int(one.low * 16 / KEYS) for one in found] == list(range(16))
        assert all(one.high <= after.low for one, after in pairwise(found))
        assert found[-1].high <= KEYS
        assert sum(one.share for one in found) == pytest.approx(share, rel=1e-6)


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
        guess = estimated(found, share=share)
        held += abs(guess.value - members) <= guess.margin
    assert held >= 0.95 * trials - 5  # 5: a trial of trials has its own chance


def _drawn(dice: Random, members: int, share: float) -> int:
    return sum(dice.random() < share for _ in range(members))


def test_a_margin_is_no_wider_than_it_has_to_be():
    """Ten thousand found are known to 2.4 in a hundred, all of them for sure."""
    assert estimated(10_000, share=0.01).margin < 10_000 / 0.01 * 0.024
    assert estimated(10_000, share=1.0).margin < 7
    assert Stretch(0, KEYS).share == 1.0


def test_people_are_told_by_what_part_of_them_each_device_is():
    """Half of a person twice is a person; and who was not looked up is taken to be like those who were."""
    assert people_estimated(100, 0, [], share=0.1) == estimated(100, share=0.1)
    assert people_estimated(100, 50, [0.5] * 50, share=0.1).value == 1250
    assert people_estimated(100, 50, [0.5] * 5, share=0.1).value == 1250
    assert people_estimated(100, 50, [1.0] * 50, share=0.1) == estimated(150, share=0.1)


def test_people_who_were_not_looked_up_widen_the_margin():
    """Parts that differ say less when fewer of them are known."""
    parts = [1.0, 0.5] * 100
    margins = [people_estimated(0, 1000, parts[:known], share=0.5).margin for known in (200, 100, 20)]
    assert margins == sorted(margins)
    assert margins[2] > margins[0] * 1.4
    assert people_estimated(0, 200, parts, share=1.0).margin < 7
