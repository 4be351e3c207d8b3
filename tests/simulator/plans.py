"""Plans of histories, as Hypothesis draws and shrinks them."""

from typing import Final

from hypothesis import strategies as st

from tests.simulator.history import Event, Plan, Sent, What
from tests.simulator.link import Odds
from tests.simulator.model_service import Mood

_WHATS: Final[tuple[What, ...]] = What.__args__
_MOODS: Final = (
    Mood(),
    Mood(slow=30),
    Mood(gone=10, rejected=5, later=10, slow=5),
    Mood(later=40, slow=10),
    Mood(slower=10, later=10),
    Mood(suspect=30, later=5),
    Mood(suspect=90),
    Mood(misconfigured=3, bug=5),
    Mood(lost=20, unheard=10, slow=10),
    Mood(gone=5, rejected=5, suspect=5, misconfigured=1, later=10, slower=2, lost=5, unheard=5, bug=2, slow=10),
)
_ODDS: Final = (Odds(), Odds(latency_s_max=0.5), Odds(lost=0.1, latency_s_max=0.2), Odds(lost=0.05, unheard=0.05))

events: Final = st.builds(
    Event,
    what=st.sampled_from(_WHATS),
    after_s=st.sampled_from((0.0, 0.05, 0.2, 0.5, 1.0, 3.0, 10.0, 40.0)),
    which=st.integers(0, 39),
    for_s=st.sampled_from((0.3, 2.0, 8.0, 20.0, 40.0)),
)
messages: Final = st.builds(
    Sent,
    after_s=st.sampled_from((0.0, 0.1, 1.0, 5.0)),
    first=st.integers(1, 20),
    size=st.integers(1, 30),
    chunks=st.integers(1, 3),
    ttl_s=st.sampled_from((5, 60, 20_000)),
    is_single=st.sampled_from((False, False, True)),
)
plans: Final = st.builds(
    Plan,
    seed=st.integers(0, 2**32 - 1),
    workers=st.integers(1, 3),
    messages=st.lists(messages, min_size=1, max_size=4).map(tuple),
    events=st.lists(events, max_size=8).map(tuple),
    foul_s=st.sampled_from((1.0, 15.0, 90.0)),
    odds=st.sampled_from(_ODDS),
    mood=st.sampled_from(_MOODS),
)
