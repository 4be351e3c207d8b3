"""The control group: stable, of the size asked for, and whole people in it."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.holdout import held_out, is_held_out, seed_of_app, seed_of_message
from tests.policy.devices import device

SEED = seed_of_app(1)
_names = st.none() | st.text(max_size=40)
_shares = st.floats(min_value=0, max_value=100)


@given(person=_names, number=st.integers(0, 2**62), share=_shares, more=_shares)
def test_a_larger_share_keeps_who_was_held_out(person: str | None, number: int, share: float, more: float):
    """Whoever was without messages so far must not begin to get them because others join."""
    low, high = sorted((share, more))
    if is_held_out(person, number, seed=SEED, percent=low):
        assert is_held_out(person, number, seed=SEED, percent=high)


@given(person=st.text(max_size=40), numbers=st.lists(st.integers(0, 2**62), min_size=2), share=_shares)
def test_a_persons_devices_are_all_in_or_all_out(person: str, numbers: list[int], share: float):
    """A person who hears of it on one device is no control."""
    assert len({is_held_out(person, number, seed=SEED, percent=share) for number in numbers}) == 1


@given(person=_names, number=st.integers(0, 2**62))
def test_none_of_a_hundred_is_nobody_and_all_is_everybody(person: str | None, number: int):
    """The ends of the range are what they say."""
    assert not is_held_out(person, number, seed=SEED, percent=0)
    assert is_held_out(person, number, seed=SEED, percent=100)


def test_the_share_is_what_was_asked_for():
    """Of 20,000 people, 10 percent within half a percent; of devices that are nobody's as well."""
    people = [device(number, person=f"cust-{number}") for number in range(20_000)]
    nobodys = [device(number * 2**45) for number in range(20_000)]
    for devices in (people, nobodys):
        assert 1900 <= len(held_out(devices, seed=SEED, percent=10)) <= 2100


def test_groups_of_messages_are_drawn_anew():
    """Two messages hold out different people, and neither's group is the app's."""
    people = [device(number, person=f"cust-{number}") for number in range(20_000)]
    seeds = (SEED, seed_of_message(1), seed_of_message(2))
    first, second, third = (set(held_out(people, seed=seed, percent=10)) for seed in seeds)
    for one, other in ((first, second), (first, third), (second, third)):
        assert 120 <= len(one & other) <= 280  # one of a hundred, as chance has it


def test_a_person_is_not_a_device_of_the_same_name():
    """The names of people and the numbers of devices are drawn from different hats."""
    drawn = {
        number: (is_held_out(str(number), 0, seed=SEED, percent=50), is_held_out(None, number, seed=SEED, percent=50))
        for number in range(400)
    }
    assert 120 < sum(person != nobody for person, nobody in drawn.values()) < 280
