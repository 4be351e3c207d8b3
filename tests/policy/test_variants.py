"""Who gets which variant, and which one wins."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.limits import EXPERIMENT_SENT_MIN
from gateway.model.message import Action, Content
from gateway.model.variant import Experiment, Variant
from gateway.policy.owners import owner_of
from gateway.policy.variants import ArmResult, content_of, contents_of, drawn, is_tested, variant_of, winner_of

_messages = st.integers(0, 2**62 - 1)
_people = st.text(min_size=1, max_size=30)
_weights = st.lists(st.integers(1, 1_000), min_size=2, max_size=10)


@given(_messages, _people, _weights, st.integers(0, 2**62), st.integers(0, 2**62))
def test_the_devices_of_a_person_get_the_same_variant(
    message: int, person: str, weights: list[int], one: int, other: int
):
    """Today, tomorrow, on the phone and on the laptop."""
    first = variant_of(drawn(message, owner_of(person, one)), weights)
    assert variant_of(drawn(message, owner_of(person, other)), weights) == first
    assert 0 <= first < len(weights)


@given(st.text(max_size=30), st.integers(0, 2**62))
def test_a_person_is_never_taken_for_a_device(person: str, device: int):
    """Whatever a shop calls its people."""
    assert owner_of(person, device) != owner_of(None, device)


@pytest.mark.parametrize("weights", [(1, 1), (50, 30, 20), (1, 9), (1,) * 10])
def test_variants_are_given_by_weight(weights: tuple[int, ...]):
    """Of many people each variant gets its part, within what chance does once in ten thousand trials."""
    people = 20_000
    got = Counter(variant_of(drawn(7, f"u:{n}"), weights) for n in range(people))
    for place, weight in enumerate(weights):
        part = weight / sum(weights)
        reach = 4 * (people * part * (1 - part)) ** 0.5
        assert abs(got[place] - people * part) < reach, got


@pytest.mark.parametrize("share", [0.5, 20, 50, 99.5])
def test_the_experiment_has_its_share(share: float):
    """And who is in it says nothing about the variant they get."""
    experiment = Experiment(share_percent=share, metric="click", after_s=60)
    people = 20_000
    draws = [drawn(7, f"u:{n}") for n in range(people)]
    tested = [draw for draw in draws if is_tested(draw, experiment)]
    part = share / 100
    assert abs(len(tested) - people * part) < 4 * (people * part * (1 - part)) ** 0.5
    first = sum(variant_of(draw, (1, 1)) == 0 for draw in tested)
    assert abs(first - len(tested) / 2) < 4 * (len(tested) / 4) ** 0.5


def test_two_messages_draw_independently():
    """Whoever got the first variant of one message gets the first of the next in half of all cases."""
    same = sum(variant_of(drawn(1, f"u:{n}"), (1, 1)) == variant_of(drawn(2, f"u:{n}"), (1, 1)) for n in range(10_000))
    assert 4_800 < same < 5_200


def test_without_an_experiment_everybody_gets_a_variant():
    """Nobody waits."""
    assert all(is_tested(drawn(1, f"u:{n}"), None) for n in range(100))


def test_a_variant_says_only_what_is_different():
    """The rest is as in the message; what it takes away is away."""
    content = Content(
        title="A", body="B", image="https://x.example/a.png", ttl_s=60, actions=(Action(id="x", title="X"),)
    )
    variant = Variant(name="b", changes={"title": {"en": "Z"}, "image": "", "actions": []})
    said = content_of(content, variant)
    assert (said.title, said.body, said.image, said.actions, said.ttl_s) == ({"en": "Z"}, "B", "", (), 60)
    assert contents_of(content, ()) == [content]
    assert contents_of(content, (variant, Variant(name="a"))) == [said, content]


@pytest.mark.parametrize(
    ("results", "winner", "why"),
    [
        ([(1000, 30), (1000, 50)], 1, "best"),
        ([(1000, 50), (1000, 30), (1000, 49)], 0, "best"),
        ([(1000, 30), (500, 25)], 1, "best"),
        ([(1000, 30), (1000, 50), (1000, 50)], 1, "tie"),
        ([(EXPERIMENT_SENT_MIN - 1, 1), (1000, 50)], 0, "too_little_data"),
        ([(1000, 0), (1000, 0)], 0, "too_little_data"),
        ([(0, 0), (0, 0)], 0, "too_little_data"),
    ],
)
def test_the_best_rate_wins(results: list[tuple[int, int]], winner: int, why: str):
    """The first of several, and the first where too little is known."""
    found = winner_of([ArmResult(sent, successes) for sent, successes in results])
    assert (found.winner, found.why) == (winner, why)
