"""How outcomes of asking are counted."""

from datetime import UTC, datetime

import pytest

from gateway.model.opt_in import Funnel, OptInKey, OptInOutcome, OptInReport, TriedPrompt
from gateway.policy.opt_ins import NO_PROMPT, counted, fitted, grant_rate, is_at_risk, page_of, result_of
from gateway.policy.variants import ArmResult

_NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
_TRIED = {"welcome": TriedPrompt(_NOW, frozenset(("a", "b")))}


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/", "/"),
        ("", "/"),
        ("/sale/", "/sale"),
        ("//sale//shoes", "/sale/shoes"),
        ("/sale?email=a@b.example#top", "/sale"),
        ("/orders/48213/track", "/orders/*/track"),
        ("/top-100", "/top-100"),
        ("/u/ada@shop.example", "/u/*"),
        ("/u/ada%40shop.example", "/u/*"),
        ("/t/" + "x" * 41, "/t/*"),
        ("/a\u202eb", "/*"),
        ("/" + "/".join(["part"] * 200), "/" + "/".join(["part"] * 24)),
        ("sale", "/sale"),
    ],
)
def test_a_page_is_no_persons_own(path: str, page: str):
    """Numbers, addresses and tokens in a path are left out, and so is what is too long."""
    assert page_of(path) == page
    assert page_of(page) == page


def _report(
    prompt: str = "welcome", variant: str = "a", page: str = "/", outcome: OptInOutcome = "asked"
) -> OptInReport:
    return OptInReport(prompt, variant, page, "chrome", outcome)


def _key(page: str = "/", variant: str = "a") -> OptInKey:
    return OptInKey("welcome", _NOW, variant, page, "chrome")


def test_only_what_there_is_counts():
    """A report of another prompt, of another variant, or of none where there are some is left out."""
    strangers = [_report("other"), _report(variant="z"), _report(variant=""), _report("", "a")]
    assert counted([_report(), _report(outcome="yes"), _report(), *strangers], _TRIED) == {
        _key(): {"asked": 2, "yes": 1}
    }
    assert list(counted([_report("", "")], {})) == [OptInKey("", NO_PROMPT.began_at, "", "/", "chrome")]


def test_a_flood_of_pages_ends_in_one_row():
    """What is known goes on by itself, what is new fills the room, and nothing is lost of what comes then."""
    sums = counted([_report(page=f"/p{n}") for n in range(10)], _TRIED)
    fit = fitted(sums, known={_key("/p9")}, room=3)
    assert set(fit) == {_key("/p0"), _key("/p1"), _key("/p2"), _key("/p9"), _key("")}
    assert fit[_key("")] == {"asked": 6}
    assert fitted(sums, known=set(), room=-5) == {_key(""): {"asked": 10}}


def test_a_site_is_at_risk_when_few_agree():
    """With enough answers to say so; those who only saw the prompt do not count."""
    assert is_at_risk(Funnel(asked=1000, granted=29, denied=71))
    assert not is_at_risk(Funnel(asked=1000, granted=30, denied=70))
    assert not is_at_risk(Funnel(asked=1000, granted=1, denied=98))
    assert not is_at_risk(Funnel(asked=1000))
    assert grant_rate(Funnel(asked=1000)) is None


def test_success_is_of_those_who_were_asked():
    """Never more of them than there were, whatever pages say."""
    assert result_of(Funnel(asked=10, yes=4, granted=3), "granted") == ArmResult(10, 3)
    assert result_of(Funnel(asked=10, yes=4, granted=3), "yes") == ArmResult(10, 4)
    assert result_of(Funnel(asked=1, granted=5), "hand") == ArmResult(1, 1)
