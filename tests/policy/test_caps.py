"""When somebody has had enough: windows that roll, counted by message."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.model.cap import Cap, Window, caps_fault, own_windows_of, windows_of
from gateway.policy.caps import Kind, Seen, frees_at_s

DAY_S = 86_400.0
NOW_S = 1_790_000_000.0
DAILY = Window(DAY_S, 1, is_of_marketing=True)

_windows = st.lists(
    st.builds(Window, st.sampled_from([60.0, 3_600.0, DAY_S, 7 * DAY_S]), st.integers(1, 4), st.booleans()), max_size=4
)
_seen = st.lists(
    st.builds(
        Seen,
        st.integers(1, 8),
        st.floats(NOW_S - 10 * DAY_S, NOW_S, allow_nan=False),
        st.sampled_from(Kind),
    ),
    max_size=12,
)


def _full(windows: list[Window], seen: list[Seen], now_s: float) -> bool:
    """The same, said in another way: some window holds as many different messages as it may."""
    for window in windows:
        kinds = {Kind.MARKETING} if window.is_of_marketing else {Kind.MARKETING, Kind.TRANSACTIONAL}
        last = {
            one.message_id: max((o for o in seen if o.message_id == one.message_id), key=lambda o: o.at_s)
            for one in seen
        }
        held = [one for one in last.values() if one.kind in kinds and one.at_s + window.per_s > now_s]
        if len(held) >= window.max:
            return True
    return False


@given(_windows, _seen)
def test_nobody_gets_more_than_a_cap_allows(windows: list[Window], seen: list[Seen]):
    """Somebody is put off exactly while a window is full, and the moment that is named is the first that is not."""
    at_s = frees_at_s(windows, seen, now_s=NOW_S)
    assert (at_s is not None) == _full(windows, seen, NOW_S)
    if at_s is not None:
        assert at_s > NOW_S
        assert _full(windows, seen, at_s - 0.001)
        assert not _full(windows, seen, at_s)


@given(_windows, _seen)
def test_asking_twice_changes_nothing(windows: list[Window], seen: list[Seen]):
    """At the moment that was named nothing holds any more: nobody who waited waits again for the same messages."""
    at_s = frees_at_s(windows, seen, now_s=NOW_S)
    if at_s is not None:
        assert frees_at_s(windows, seen, now_s=at_s) is None


@given(_windows, _seen, st.permutations(range(12)))
def test_the_order_of_what_came_is_no_matter(windows: list[Window], seen: list[Seen], order: list[int]):
    """Rows come in whatever order the store has them."""
    shuffled = [seen[place] for place in order if place < len(seen)]
    assert frees_at_s(windows, shuffled, now_s=NOW_S) == frees_at_s(windows, seen, now_s=NOW_S)


def test_a_message_on_two_devices_counts_once():
    """From its last arrival on."""
    twice = [Seen(1, NOW_S - 7_200, Kind.MARKETING), Seen(1, NOW_S - 3_600, Kind.MARKETING)]
    assert frees_at_s([Window(DAY_S, 2, is_of_marketing=True)], twice, now_s=NOW_S) is None
    assert frees_at_s([DAILY], twice, now_s=NOW_S) == NOW_S - 3_600 + DAY_S


def test_a_window_rolls():
    """Nothing is forgotten at midnight: a day after the message, to the second."""
    seen = [Seen(1, NOW_S, Kind.MARKETING)]
    assert frees_at_s([DAILY], seen, now_s=NOW_S + DAY_S - 1) == NOW_S + DAY_S
    assert frees_at_s([DAILY], seen, now_s=NOW_S + DAY_S) is None


def test_orders_count_only_where_all_messages_do():
    """A cap of marketing leaves out what is transactional; a cap without a category does not."""
    seen = [Seen(1, NOW_S - 60, Kind.TRANSACTIONAL)]
    assert frees_at_s([DAILY], seen, now_s=NOW_S) is None
    assert frees_at_s([Window(DAY_S, 1, is_of_marketing=False)], seen, now_s=NOW_S) == NOW_S - 60 + DAY_S


def test_what_caps_may_be():
    """Periods of a fixed length, a minute to a month."""
    assert caps_fault([Cap(per="P1D", max=3), Cap(per="PT1M", max=1), Cap(per="P31D", max=9)]) == ""
    for period in ("PT59S", "P32D", "P1M", "P1Y", "a day", "", "P0D", "-P1D"):
        assert "period" in caps_fault([Cap(per=period, max=1)]), period
    assert caps_fault([Cap(per="P1D", max=1)] * 11) == "An app has at most 10 caps."
    assert windows_of((Cap(per="P1D", max=3, category="marketing"),)) == (Window(DAY_S, 3, is_of_marketing=True),)


def test_people_choose_caps_of_their_own():
    """One text or a list; what cannot be read holds nobody back, and takes no time."""

    def own(value: object) -> tuple[Window, ...]:
        return own_windows_of({"attributes": {"push_caps": value}})

    assert own("1/P1D") == own(["1/P1D", "rubbish", 7]) == (DAILY,)
    assert len(own(["2/P7D"] * 50)) == 5
    for value in (
        "",
        "/",
        "1",
        "0/P1D",
        "-1/P1D",
        "1/P1Y",
        "\u0663/P1D",
        "9" * 400 + "/P1D",
        7,
        True,
        {"per": "P1D"},
        None,
    ):
        assert own(value) == (), value
    assert own_windows_of(None) == own_windows_of({}) == own_windows_of({"attributes": None}) == ()
