"""Whose turn it is, whatever the sizes of what waits."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.turns import HALVED_EVERY_S, Turns

CAMPAIGN, ORDER, OTHER = (1, 100), (1, 200), (2, 300)


class World:
    def __init__(self) -> None:
        self.now_s = 0.0
        self.turns = Turns(lambda: self.now_s)

    def choose(self, *due: tuple[int, int], places: int = 4) -> Counter[tuple[int, int]]:
        chosen = self.turns.choose(due, places=places, recipients_each=500)
        return Counter({(turn.app_id, turn.message_id): turn.chunks for turn in chosen})


def test_one_alone_gets_every_place():
    """A campaign with nobody beside it uses the whole machine."""
    assert World().choose(CAMPAIGN) == {CAMPAIGN: 4}


def test_nothing_due_is_nobodys_turn():
    """An idle worker claims nothing."""
    assert World().choose() == {}


def test_a_new_order_comes_before_a_campaign_that_has_had_its_share():
    """Five million wait, and one push is due now: it goes next."""
    world = World()
    world.turns.served(*CAMPAIGN, 50_000)

    assert world.choose(CAMPAIGN, OTHER, places=1) == {OTHER: 1}
    assert world.choose(CAMPAIGN, ORDER, places=1) == {ORDER: 1}


def test_apps_share_before_messages_do():
    """An app with ten campaigns gets no more than the app with one."""
    many = [(1, number) for number in range(10)]

    chosen = World().choose(*many, OTHER, places=20)

    assert chosen[OTHER] == 10
    assert sum(chosen[pair] for pair in many) == 10
    assert max(chosen[pair] for pair in many) == 1


def test_yesterday_is_forgotten():
    """Who was served a million an hour ago does not stand behind for it today."""
    world = World()
    world.turns.served(*CAMPAIGN, 1_000_000)
    world.now_s = HALVED_EVERY_S * 25

    assert world.choose(CAMPAIGN, OTHER, places=2) == {CAMPAIGN: 1, OTHER: 1}


@given(
    due=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), max_size=20),
    served=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(0, 10_000)), max_size=20),
    places=st.integers(0, 30),
)
def test_all_places_are_given_to_those_who_have_something_due(
    due: list[tuple[int, int]], served: list[tuple[int, int, int]], places: int
):
    """No place stays empty, none goes to somebody without work."""
    world = World()
    for one in served:
        world.turns.served(*one)

    chosen = world.choose(*due, places=places)

    assert set(chosen) <= set(due)
    assert sum(chosen.values()) == (places if due else 0)


@given(st.permutations([(app, message) for app in range(1, 4) for message in range(3)]))
def test_over_time_everybody_gets_the_same(due: list[tuple[int, int]]):
    """Round after round, no order of looking gives anybody more."""
    world = World()
    total: Counter[tuple[int, int]] = Counter()
    for _ in range(90):
        for pair, chunks in world.choose(*due, places=1).items():
            world.turns.served(*pair, 500 * chunks)
            total[pair] += chunks

    assert set(total.values()) == {10}
