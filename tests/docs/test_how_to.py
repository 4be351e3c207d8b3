"""Whoever types what a page says gets what the page shows."""

import pytest

from tests.docs.reader import Reader
from tests.docs.stages import set_up
from tests.house.tree import ROOT
from tests.journeys.world import Shop

_HOW_TO = ROOT / "docs" / "how-to"
NEED_MORE = {
    "apns.md": "needs an account at Apple",
    "fcm.md": "needs a project at Google",
    "google-tag-manager.md": "needs a site at Google; sdk-js/test/recipes.test.js runs its tags",
    "npm.md": "needs npm; tests/sdk/test_package.py installs the package and uses it",
    "native-apps.md": "needs a phone; tests/journeys/test_statuses.py has its calls",
    "sandbox.md": "starts servers of its own; tests/sandbox has them",
}
"""Pages whose examples cannot be run here, and why."""

PAGES = sorted(path.name for path in _HOW_TO.glob("*.md") if path.name not in NEED_MORE)


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_says_what_happens(page: str, reader: Reader, shop: Shop) -> None:
    """Every example, from the top to the end, on a gateway that was just installed."""
    await set_up(page, shop)
    assert await reader.read((_HOW_TO / page).read_text(encoding="utf-8")) > 0


def test_pages_that_need_more_are_there() -> None:
    """An exception that no page needs any more goes."""
    assert [name for name in NEED_MORE if not (_HOW_TO / name).exists()] == []
