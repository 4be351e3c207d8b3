"""Settings of an app: what holds, how a change is merged, and what is refused."""

from typing import Any

import pytest

from gateway.model.app_settings import AppSettings, merged, settings_of
from gateway.model.errors import Invalid
from gateway.model.limits import SETTINGS_BYTES_MAX


def test_what_is_not_stored_has_its_default():
    """A new app has settings from its first moment."""
    assert settings_of({}) == AppSettings(timezone=None, currency=None, open_topics=True, sdk_killed=False)
    assert settings_of({"timezone": "Europe/Amsterdam"}).timezone == "Europe/Amsterdam"


def test_a_change_leaves_the_other_settings_alone():
    """What is not named stays, also what only a newer version knows."""
    stored = {"currency": "EUR", "of_a_newer_version": {"x": 1}}
    assert merged(stored, {"timezone": "Asia/Tokyo"}) == {**stored, "timezone": "Asia/Tokyo"}
    assert settings_of(stored).currency == "EUR"


@pytest.mark.parametrize("back", [None, "default"])
def test_a_setting_is_taken_back(back: str | None):
    """Null and `default` both mean: as if it had never been chosen."""
    assert merged({"currency": "EUR", "timezone": "Asia/Tokyo"}, {"currency": back}) == {"timezone": "Asia/Tokyo"}


@pytest.mark.parametrize(
    ("given", "code", "param"),
    [
        ({"colour": "red"}, "field_unknown", "settings.colour"),
        ({"timezone": "Mars/Olympus"}, "field_invalid", "settings.timezone"),
        ({"timezone": "../../etc/passwd"}, "field_invalid", "settings.timezone"),
        ({"timezone": 7}, "field_invalid", "settings.timezone"),
        ({"timezone": ["Europe/Amsterdam"]}, "field_invalid", "settings.timezone"),
        ({"currency": "euro"}, "field_invalid", "settings.currency"),
        ({"open_topics": "yes"}, "field_invalid", "settings.open_topics"),
        ({"open_topics": {"a": {}}}, "field_invalid", "settings.open_topics"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(given: dict[str, Any], code: str, param: str):
    """The refusal names the setting."""
    with pytest.raises(Invalid) as refused:
        merged({"currency": "EUR"}, given)
    assert (refused.value.code, refused.value.param) == (code, param)
    assert "`$" not in refused.value.message


def test_settings_have_a_size():
    """What a newer version stored counts as well."""
    with pytest.raises(Invalid) as refused:
        merged({"of_a_newer_version": "x" * SETTINGS_BYTES_MAX}, {"currency": "EUR"})
    assert refused.value.param == "settings"
