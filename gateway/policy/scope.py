"""What a text may name, and what it finds there for one person.

`user.first_name` (attributes), `user.tags.size`, `user.id`, `user.language` (or `timezone`, `country`), the same of
`device`, `device.platform`, `coupon.code`, `event.x`, `recommendations`, `preferences_url` (where whoever holds this
device chooses what it is sent), and the message's own `variables` by their names. What is not known reads as nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from gateway.model.delivery import Device
from gateway.model.subscriber import PLATFORM_NAMES

Step = str | int

_OF_PERSON: Final = ("language", "timezone", "country")
_NO_ATTRIBUTES: Final = ("id", "tags")
_NOTHING: Final[Mapping[str, Any]] = {}


class Values(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same for everybody: the message's variables, the app's currency, and its zone where none is known.

    preferences: the address of the preference page, to which each device's own token is added.
    """

    variables: Mapping[str, Any] = {}
    currency: str | None = None
    timezone: str | None = None
    preferences: str = ""


class Scope(dict[str, Any]):
    """The values of texts for one person, each root put together when it is first asked for.

    language: of the text; None: the device's, else its person's. Money and dates are written in it. token: the device's
    own of this message.
    """

    __slots__ = ("_language", "device", "fixed", "token")

    def __init__(self, device: Device, fixed: Values, language: str | None = None, token: str = "") -> None:
        self.token = token
        self.device = device
        self.fixed = fixed
        self._language = language

    def __missing__(self, root: str) -> Any:
        make = _ROOTS.get(root)
        value = self.fixed.variables[root] if make is None else make(self)
        self[root] = value
        return value

    @property
    def locale(self) -> str | None:
        """In whose way money and dates are written: with the device's region, where that fits the text's language."""
        own = locale_of(self.device)
        if self._language is None or (own is not None and _base(own) == _base(self._language)):
            return own
        return self._language

    @property
    def timezone(self) -> str | None:
        """The device's zone, else its person's, else the app's."""
        return self.device.timezone or _text(self.device.facts, "timezone") or self.fixed.timezone


LookUp = Callable[[Scope], Any]


def locale_of(device: Device) -> str | None:
    """The language of a device: what it says, else what is known of its person."""
    return device.locale or _text(device.facts, "language")


def value_at(scope: Mapping[str, Any], root: str, steps: Sequence[Step]) -> Any:
    """What a path leads to, by keys and places alone; None where it leads nowhere."""
    try:
        value = scope[root]
        for step in steps:
            value = value[step]
    except (KeyError, TypeError, IndexError):
        return None
    return value


def look_up_of(root: str, steps: Sequence[Step]) -> LookUp:
    """What finds the value of a path. For what most texts name, without putting all that is known together first."""
    match root, *steps:
        case "user", str() as name if name not in _NO_ATTRIBUTES:
            return partial(_attribute, name)
        case "user", "tags", str() as name:
            return partial(_tag, name)
        case _:
            return partial(_value, root, steps)


def is_personal(root: str, variables: Mapping[str, Any]) -> bool:
    """Whether the values under this root may differ from person to person."""
    return root in _ROOTS and root != "variables" and not (root == "recommendations" and root in variables)


def reads_person(root: str, variables: Mapping[str, Any]) -> bool:
    """Whether more of the recipient has to be read than sending needs."""
    return root not in ("coupon", "event", "preferences_url") and is_personal(root, variables)


def is_known(root: str, variables: Mapping[str, Any]) -> bool:
    """Whether there can be anything under this root."""
    return root in _ROOTS or root in variables


def _attribute(name: str, scope: Scope) -> Any:
    facts = scope.device.facts
    if facts is None:
        return None
    attributes = facts.get("attributes")
    if attributes is not None and name in attributes:
        return attributes[name]
    return facts.get(name) if name in _OF_PERSON else None


def _tag(name: str, scope: Scope) -> Any:
    tags = (scope.device.facts or _NOTHING).get("tags") or _NOTHING
    return tags[name] if name in tags else _tags(scope).get(name)


def _value(root: str, steps: Sequence[Step], scope: Scope) -> Any:
    return value_at(scope, root, steps)


def _user(scope: Scope) -> dict[str, Any]:
    facts = scope.device.facts or {}
    said: dict[str, Any] = {name: facts[name] for name in _OF_PERSON if name in facts}
    said.update(facts.get("attributes") or {})
    said["id"] = scope.device.person
    said["tags"] = {**_tags(scope), **(facts.get("tags") or {})}
    return said


def _device(scope: Scope) -> dict[str, Any]:
    device = scope.device
    return {
        "language": device.locale,
        "timezone": device.timezone,
        "country": device.country,
        "platform": PLATFORM_NAMES.get(device.platform, "other"),
        "tags": _tags(scope),
    }


def _tags(scope: Scope) -> dict[str, Any]:
    return (scope.device.attrs or _NOTHING).get("tags") or {}


def _given(name: str) -> Callable[[Scope], Any]:
    def get(scope: Scope) -> Any:
        return (scope.device.given or {}).get(name)

    return get


def _recommendations(scope: Scope) -> Any:
    for values in (scope.fixed.variables, scope.device.given or {}, scope["user"]):
        if "recommendations" in values:
            return values["recommendations"]
    return None


_ROOTS: Final[dict[str, Callable[[Scope], Any]]] = {
    "user": _user,
    "device": _device,
    "coupon": _given("coupon"),
    "event": _given("event"),
    "recommendations": _recommendations,
    "preferences_url": lambda scope: f"{scope.fixed.preferences}#{scope.token}",
    "variables": lambda scope: scope.fixed.variables,
}

OWN_ROOTS: Final = frozenset(_ROOTS) - {"recommendations"}
"""Names that a message's variables cannot have."""


def _text(values: Mapping[str, Any] | None, name: str) -> str | None:
    value = None if values is None else values.get(name)
    return value if isinstance(value, str) else None


def _base(locale: str) -> str:
    return locale.replace("_", "-").partition("-")[0].lower()
