"""What people chose: the person's word, the device's, and both together."""

import pytest

from gateway.model.cap import own_windows_of
from gateway.model.choices import choices_of, frequency_chosen, is_channel_off, paused_until_s, quiet_chosen

NIGHT = {"from": "22:00", "to": "08:00", "weekends": False, "holidays": False}
DAY = {"from": "09:00", "to": "17:00", "weekends": True, "holidays": False}


def test_nothing_chosen_is_nothing_known():
    """A device of which nothing is known obeys the shop's own settings."""
    for attrs, facts in ((None, None), ({}, {}), ({"tags": {"a": 1}}, {"v": 3, "attributes": {}}), ({"own": {}}, None)):
        assert quiet_chosen(attrs, facts) is None
        assert frequency_chosen(attrs, facts) is None
        assert paused_until_s(attrs, facts) == 0
        assert not is_channel_off("stub", attrs, facts)
        assert own_windows_of(facts, attrs) == ()


def test_the_person_s_word_counts_before_the_device_s():
    """What was said while nobody was logged in holds until the person says something else."""
    own = {"own": {"quiet": NIGHT, "frequency": "5/P1D", "channels_off": ["stub"]}}
    quiet = quiet_chosen(own, None)
    assert quiet is not None
    assert (quiet.begins, frequency_chosen(own, {"v": 1})) == ("22:00", "5/P1D")
    person = {"quiet": DAY, "frequency": "1/P7D", "channels_off": []}
    quiet = quiet_chosen(own, person)
    assert quiet is not None
    assert (quiet.begins, frequency_chosen(own, person)) == ("09:00", "1/P7D")
    assert is_channel_off("stub", own, None)
    assert not is_channel_off("stub", own, person)


@pytest.mark.parametrize(("device", "person"), [(100, 200), (200, 100), (None, 200), (200, None)])
def test_of_two_pauses_the_longer_one_holds(device: int | None, person: int | None):
    """Whoever asked for peace twice gets all of it."""
    attrs = None if device is None else {"own": {"paused_until": device}}
    facts = None if person is None else {"paused_until": person}
    assert paused_until_s(attrs, facts) == 200
    assert choices_of(attrs, facts).paused_until == 200


def test_a_shop_s_word_and_the_person_s_own_hold_side_by_side():
    """`push_caps`, which the shop keeps, and the frequency that the person chose are both windows."""
    windows = own_windows_of(
        {"attributes": {"push_caps": "3/P1D"}, "frequency": "1/P7D"}, {"own": {"frequency": "9/P1D"}}
    )
    assert [(window.max, window.per_s) for window in windows] == [(3, 86_400), (1, 7 * 86_400)]


@pytest.mark.parametrize("garbage", ["soon", "0/P1D", "1/P1Y", "-1/P1D", "1", "", 7, ["1/P1D"]])
def test_a_frequency_that_says_nothing_holds_nobody_back(garbage: object):
    """What an older version or another hand left there costs nobody their messages."""
    assert own_windows_of({"frequency": garbage}) == ()
