"""The page of faults lists every case once, with a test that there is; and says what a run said."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from scripts import chaos
from tests.chaos.cases import CASES, Case

_ROOT = Path(__file__).parents[2]


def test_every_fault_is_listed_once():
    """F1 to F46, in order."""
    assert [case.number for case in CASES] == list(range(1, 47))


def _lost(cases: tuple[Case, ...]) -> list[str]:
    """Cases without a test and without a word why, or with a test that nobody wrote."""
    lost = [case.name for case in cases if bool(case.tests) == bool(case.missing)]
    for case in cases:
        for test in case.tests:
            file, _, name = test.partition("::")
            path = _ROOT / file
            if not path.is_file() or f"def {name}(" not in path.read_text(encoding="utf-8"):
                lost.append(test)
    return lost


def test_every_case_has_a_test_that_there_is():
    """Or says which feature it waits for."""
    assert _lost(CASES) == []


def test_a_case_without_a_test_is_noticed():
    """Negative control."""
    assert _lost((Case(1, "f", "e"),)) == ["F1"]
    assert _lost((Case(1, "f", "e", ("tests/chaos/test_cases.py::test_of_nothing",)),)) == [
        "tests/chaos/test_cases.py::test_of_nothing"
    ]


def test_the_page_is_made_from_the_list():
    """`python scripts/chaos.py --page` would change nothing."""
    page = chaos.PAGE.read_text(encoding="utf-8")
    assert chaos.with_table(page, chaos.results_on(page)) == page


def test_a_run_is_told_as_it_was():
    """Passed, failed, skipped, not run: with seconds and extra copies, and read back from the page."""
    case = CASES[0]
    report = ET.fromstring(  # noqa: S314 - our own words
        "<r><testcase classname='tests.chaos.test_kill' name='test_a_worker_is_killed' time='6.4'>"
        "<properties><property name='extras' value='412'/></properties></testcase></r>"
    )
    results = chaos.results_of(report, [case, CASES[1]], today="2026-01-01")
    assert results["F1"] == chaos.Result("passed, 2026-01-01", "6", "412")
    assert results["F2"].word == "not run yet"
    page = chaos.with_table(f"{chaos._BEGIN}{chaos._END}", results)
    assert chaos.results_on(page)["F1"] == results["F1"]


@pytest.mark.parametrize(
    ("inside", "word"), [("<failure/>", "FAILED"), ("<error/>", "FAILED"), ("<skipped message='no disk'/>", "skipped")]
)
def test_what_did_not_pass_is_not_told_as_passed(inside: str, word: str):
    """Negative control."""
    report = ET.fromstring(  # noqa: S314 - our own words
        f"<r><testcase classname='tests.chaos.test_kill' name='test_a_worker_is_killed'>{inside}</testcase></r>"
    )
    assert chaos.results_of(report, [CASES[0]], today="t")["F1"].word.startswith(word)
