"""The figures of textbooks and papers, to the last digit that they print."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.significance import compared, corrected, difference_of, interval_of, p_value_of
from gateway.policy.variants import ArmResult


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval(successes: int, n: int, low: float, high: float):
    """Newcombe 1998, "Two-sided confidence intervals", table I, method 3."""
    found = interval_of(ArmResult(n, successes))
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
        ((5, 56), (0, 29), -0.0381, 0.1926),
    ],
)
def test_newcombes_interval_of_a_difference(one: tuple[int, int], other: tuple[int, int], low: float, high: float):
    """Newcombe 1998, "Interval estimation for the difference", table II, method 10."""
    found = difference_of(ArmResult(one[1], one[0]), ArmResult(other[1], other[0]))
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_the_z_test_of_two_proportions():
    """OpenStax, Introductory Statistics, example 10.8: 20 of 200 against 12 of 200, p = 0.1404."""
    assert p_value_of(ArmResult(200, 20), ArmResult(200, 12)) == pytest.approx(0.1404, abs=5e-5)


def test_holms_correction():
    """As p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") of R says."""
    assert corrected([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


_results = st.integers(0, 10**6).flatmap(lambda n: st.builds(ArmResult, st.just(n), st.integers(0, n)))


@given(st.lists(_results, min_size=2, max_size=10))
def test_every_figure_is_one(results: list[ArmResult]):
    """Whatever was counted: chances lie in 0..1, intervals hold what was seen."""
    for result in results:
        interval = interval_of(result)
        assert 0 <= interval.low <= result.rate + 1e-12
        assert result.rate - 1e-12 <= interval.high <= 1 or result.sent == 0
    first, *others = compared(results)
    assert first is None
    for found in others:
        assert found is not None
        assert 0 <= found.p_value <= 1
        assert -1 - 1e-9 <= found.interval.low <= found.difference + 1e-9
        assert found.difference - 1e-9 <= found.interval.high <= 1 + 1e-9


@given(_results, _results)
def test_the_order_of_two_changes_nothing_but_the_sign(one: ArmResult, other: ArmResult):
    """A against B is B against A."""
    assert p_value_of(one, other) == pytest.approx(p_value_of(other, one))
    there, back = difference_of(one, other), difference_of(other, one)
    assert (there.low, there.high) == (pytest.approx(-back.high), pytest.approx(-back.low))


def test_more_variants_make_a_difference_less_sure():
    """Ten chances to be wrong are not one."""
    pair = compared([ArmResult(1000, 50), ArmResult(1000, 72)])
    many = compared([ArmResult(1000, 50), ArmResult(1000, 72), *[ArmResult(1000, 50)] * 8])
    assert pair[1] is not None
    assert many[1] is not None
    assert pair[1].is_significant
    assert not many[1].is_significant
