"""Links with fields in them: what a field holds can change where in the shop a link leads, never to whom.

Where a field stands decides how its value is written, as in Go's html/template (https://pkg.go.dev/html/template,
"contexts"): in the path it stays in the path, behind `?` it stays one value. A link that begins with a field, or has
one in its host, is checked as a whole for each person. So is one in Liquid, which writes values as they are: there
`url_encode` is for whoever writes the text.
"""

from collections.abc import Callable, Sequence
from typing import Final, Literal
from urllib.parse import quote

import msgspec

from gateway.model.errors import Invalid
from gateway.model.limits import URL_BYTES_MAX
from gateway.policy.liquid import TextUnmade
from gateway.policy.scope import Scope, Step
from gateway.policy.text_template import Field, PlainText, TextTemplate

Check = Callable[[str], None]
"""Raises `Invalid` for a link that is not allowed."""
_Place = Literal["host", "path", "query"]

_SAFE_IN_PATH: Final = "/:@!$&'()*+,;=%-._~"
_SAFE_IN_QUERY: Final = "-._~"
_SAFE_IN_LINK: Final = _SAFE_IN_PATH + "?#[]"


class LinkTemplate(msgspec.Struct, frozen=True, eq=False):
    """A link with fields. `places` has one for each piece, where the link is in plain fields."""

    template: TextTemplate
    check: Check
    places: tuple[_Place, ...]

    @property
    def paths(self) -> Sequence[tuple[Step, ...]]:
        """What it names, root first."""
        return self.template.paths

    def fill(self, scope: Scope) -> str:
        """The link for one person; "" where nothing is left of it. Raises `TextUnmade` if it may not lead there."""
        template = self.template
        if not isinstance(template, PlainText):
            return self._checked(quote(template.fill(scope).strip(), safe=_SAFE_IN_LINK))
        pieces = [
            piece if isinstance(piece, str) else _written(piece, place, scope)
            for piece, place in zip(template.pieces, self.places, strict=True)
        ]
        link = "".join(pieces)
        if "host" in self.places:
            return self._checked(link.strip())
        if len(link.encode()) > URL_BYTES_MAX:
            raise TextUnmade("a link becomes too long")
        return link

    def _checked(self, link: str) -> str:
        if link:
            try:
                self.check(link)
            except Invalid as refusal:
                raise TextUnmade(refusal.message) from None
        return link


def link_template(template: TextTemplate, check: Check) -> LinkTemplate:
    """Where in the link each of its fields stands. Raises `Invalid` where it leads to a host that is not allowed."""
    places: list[_Place] = []
    before = ""
    for piece in template.pieces if isinstance(template, PlainText) else ():
        place = _place_behind(before)
        if isinstance(piece, str):
            before += piece
            places.append("path" if place == "host" else place)
        else:
            places.append(place)
            before += "x" if place != "host" else ""
    if places and "host" not in places:
        pieces = template.pieces if isinstance(template, PlainText) else ()
        check("".join(piece if isinstance(piece, str) else "x" for piece in pieces))
    return LinkTemplate(template, check, tuple(places))


def _place_behind(before: str) -> _Place:
    """Where a link that has come so far goes on. `before` is text of the shop's own."""
    if "?" in before or "#" in before:
        return "query"
    scheme, separator, rest = before.partition(":")
    is_web = scheme.lower() in ("http", "https")
    is_past_host = "/" in rest.removeprefix("//") if is_web else bool(separator)
    return "path" if is_past_host else "host"


def _written(field: Field, place: _Place, scope: Scope) -> str:
    value = field.fill(scope)
    match place:
        case "host":
            return value
        case "path":
            return quote(value, safe=_SAFE_IN_PATH, errors="replace")
        case "query":
            return quote(value, safe=_SAFE_IN_QUERY, errors="replace")
