"""The texts of a message one by one: where each stands, which of them have fields, and what each may become."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Literal

import msgspec

from gateway.model.app import App
from gateway.model.app_settings import AppSettings
from gateway.model.delivery import Device
from gateway.model.errors import Invalid
from gateway.model.ids import to_text
from gateway.model.language import Text, text_in
from gateway.model.limits import VARIABLES_DEPTH_MAX
from gateway.model.message import Content
from gateway.policy.link_template import LinkTemplate, link_template
from gateway.policy.links import check_deep_link, check_link, check_picture, tagged
from gateway.policy.liquid import TextUnmade
from gateway.policy.scope import Scope, Step, Values, is_personal, reads_person
from gateway.policy.text_template import PlainText, TextTemplate, has_fields, parse

Kind = Literal["text", "link", "deep_link", "picture", "data"]
Where = tuple[Step, ...]

NOBODY: Final = Device(0, "", 0, b"", 0, None, None)
"""Of whom nothing is known."""
_NOT_SENT_YET: Final = {"id": "msg_0000000000000", "date": "2000-01-01", "category": "marketing"}
"""As long as what stands there later."""
_SOME_PAGE: Final = "https://push.shop.example/preferences"
"""Stands for the preference page where a message is only looked at."""
_BEGINNING: Final = {"link": "https://", "deep_link": "https://", "picture": "https://"}


def about_message(message_id: int, planned_at: datetime, category: str) -> dict[str, str]:
    """What campaign parameters may name of a message."""
    return {
        "id": to_text("msg", message_id),
        "date": planned_at.astimezone(UTC).date().isoformat(),
        "category": category,
    }


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """What a message's texts are made with.

    language: whose text those get for whom there is none in their own. hosts: where links may lead. schemes: of the
    app's own, for deep links. utm: campaign parameters that links get, by name. clicks: by way of which address links
    lead on devices that do not tell of clicks themselves.
    """

    values: Values = Values()
    language: str | None = None
    hosts: frozenset[str] = frozenset()
    schemes: frozenset[str] = frozenset()
    utm: Mapping[str, str] = {}
    clicks: str = ""

    def chooses_language(self, content: Content) -> bool:
        """Whether the app's own fall-back may matter to somebody."""
        return self.language is not None and has_languages(content)

    def linked(self, content: Content) -> Content:
        """The content with the campaign in all links that are the same for everybody."""
        if not self.utm:
            return content
        actions = tuple(
            msgspec.structs.replace(action, url=self._tagged(action.url)) if action.url else action
            for action in content.actions
        )
        return msgspec.structs.replace(content, url=self._tagged(content.url), actions=actions)

    def check(self, kind: Kind, param: str) -> Callable[[str], None]:
        """What a link of this kind has to pass."""
        match kind:
            case "picture":
                return partial(check_picture, param=param)
            case "deep_link":
                check = partial(check_deep_link, hosts=self.hosts, schemes=self.schemes, param=param)
            case _:
                check = partial(check_link, hosts=self.hosts, param=param)
        return partial(self._unless_ours, check)

    def _unless_ours(self, check: Callable[[str], None], url: str) -> None:
        """The preference page is the gateway's, whatever hosts the app has."""
        if not (self.values.preferences and url.startswith(f"{self.values.preferences}#")):
            check(url)

    def _tagged(self, url: str) -> str:
        return url if not url or has_fields(url) else tagged(url, self.utm)


def wording_of(
    app: App | None, content: Content, about: Mapping[str, str] = _NOT_SENT_YET, *, preferences: str = _SOME_PAGE
) -> Wording:
    """What the texts of an app's message are made with. Where the app is gone, no link of a field leads anywhere.

    about: what campaign parameters may name of the message as `{{ message.id }}`: its id, date and category.
    preferences: the address of the preference page.
    """
    settings = AppSettings() if app is None else app.own
    return Wording(
        values=Values(
            variables=content.variables,
            currency=settings.currency,
            timezone=settings.timezone,
            preferences=preferences,
        ),
        language=settings.language,
        hosts=frozenset() if app is None else app.allowed_hosts,
        schemes=frozenset(settings.deep_link_schemes),
        utm=_campaign(content.utm, about),
        clicks=settings.click_links or "",
    )


def has_languages(content: Content) -> bool:
    """Whether not everybody reads the same."""
    return not (isinstance(content.title, str) and isinstance(content.body, str))


def check_utm(utm: Mapping[str, str]) -> None:
    """Raises `Invalid` for campaign parameters that name anything but the message."""
    for name, value in utm.items():
        if not has_fields(value):
            continue
        param = f"utm.{name.removeprefix('utm_')}"
        try:
            template = parse(value)
        except Invalid as fault:
            fault.param = param
            raise
        known = {("message", field) for field in _NOT_SENT_YET}
        if not isinstance(template, PlainText) or not known.issuperset(template.paths):
            told = f"It may name `message.{'`, `message.'.join(_NOT_SENT_YET)}` and nothing else."
            raise Invalid("template_invalid", told, param=param)


def _campaign(utm: Mapping[str, str], about: Mapping[str, str]) -> dict[str, str]:
    scope = Scope(NOBODY, Values(variables={"message": about}))
    return {name: parse(value).fill(scope) if has_fields(value) else value for name, value in utm.items()}


class Part(msgspec.Struct, frozen=True, eq=False):
    """A text of a message that differs from person to person."""

    where: Where
    kind: Kind
    template: TextTemplate
    utm: Mapping[str, str] = {}

    @property
    def beginning(self) -> str:
        """What stands before its mark: some providers look at how a link begins."""
        return _BEGINNING.get(self.kind, "")

    @property
    def may_be_silent(self) -> bool:
        """Whether it is left out where there is nothing in it."""
        return self.kind != "data"

    def is_same_for_all(self, wording: Wording) -> bool:
        """Whether nothing in it depends on the person."""
        template = self.template.template if isinstance(self.template, LinkTemplate) else self.template
        roots = {str(path[0]) for path in template.paths}
        variables = wording.values.variables
        return isinstance(template, PlainText) and not any(is_personal(root, variables) for root in roots)

    def reads_person(self, wording: Wording) -> bool:
        """Whether more of the recipient has to be read for it than sending needs."""
        return any(reads_person(str(path[0]), wording.values.variables) for path in self.template.paths)

    def fill(self, scope: Scope) -> str:
        """The text for one person. Raises `TextUnmade`; a picture that cannot be had is left out."""
        match self.kind:
            case "picture":
                try:
                    return self.template.fill(scope)
                except TextUnmade:
                    return ""
            case "link":
                link = self.template.fill(scope)
                return tagged(link, self.utm) if link and self.utm else link
            case _:
                return self.template.fill(scope)


def templates_of(content: Content, wording: Wording) -> list[Part]:
    """Every text with fields, in all languages. Raises `Invalid` for one that cannot be read, with its path."""
    return [_part(where, kind, text, wording) for where, kind, text in _texts(content) if has_fields(text)]


def in_language(content: Content, language: str, fall_back: str | None) -> Content:
    """The content as those get it who are spoken to in this language; "" where it has none."""
    if not language:
        return content
    return msgspec.structs.replace(
        content, title=_only(content.title, language, fall_back), body=_only(content.body, language, fall_back)
    )


def split(content: Content, wording: Wording) -> tuple[Content, list[Part]]:
    """The content with all filled in that is the same for everybody, and the parts that are not.

    What cannot be made for anybody stays a part: it is told of each person. So does what a value with braces of its own
    is in: nobody may take what a field held for a field.
    """
    same: dict[Where, str] = {}
    parts: list[Part] = []
    for part in templates_of(content, wording):
        try:
            text = part.fill(Scope(NOBODY, wording.values)) if part.is_same_for_all(wording) else None
        except TextUnmade:
            text = None
        if text is None or has_fields(text):
            parts.append(part)
        else:
            same[part.where] = text
    return without(content, same), parts


def without(content: Content, texts: Mapping[Where, str]) -> Content:
    """The content with these texts in their places; buttons that have no title any more are left out."""
    if not texts:
        return content
    raw: dict[str, Any] = msgspec.to_builtins(content)
    for where, text in texts.items():
        at: Any = raw
        for step in where[:-1]:
            at = at[step]
        at[where[-1]] = text
    if content.actions:
        raw["actions"] = [action for action in raw["actions"] if action["title"]]
    return msgspec.convert(raw, Content)


def param_of(where: Where) -> str:
    """The dotted path of a text, such as `actions[0].title`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where).removeprefix(".")


def _part(where: Where, kind: Kind, text: str, wording: Wording) -> Part:
    param = param_of(where)
    try:
        template = parse(text)
    except Invalid as fault:
        raise Invalid(fault.code, fault.message, param=param) from None
    if kind in ("text", "data"):
        return Part(where, kind, template)
    return Part(where, kind, link_template(template, wording.check(kind, param)), wording.utm)


def _texts(content: Content) -> Iterator[tuple[Where, Kind, str]]:
    yield from _by_language("title", content.title)
    yield from _by_language("body", content.body)
    yield ("url",), "link", content.url
    yield ("deep_link",), "deep_link", content.deep_link
    for name in ("icon", "image", "badge"):
        yield (name,), "picture", getattr(content, name)
    for at, action in enumerate(content.actions):
        yield ("actions", at, "title"), "text", action.title
        yield ("actions", at, "url"), "link", action.url
        yield ("actions", at, "icon"), "picture", action.icon
    yield from _data(("data",), content.data, 0)


def _by_language(name: str, text: Text) -> Iterator[tuple[Where, Kind, str]]:
    if isinstance(text, str):
        yield (name,), "text", text
    else:
        for language, words in text.items():
            yield (name, language), "text", words


def _data(where: Where, value: Any, depth: int) -> Iterator[tuple[Where, Kind, str]]:
    if isinstance(value, str):
        yield where, "data", value
    elif depth < VARIABLES_DEPTH_MAX and isinstance(value, dict | list):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _data((*where, step), inner, depth + 1)


def _only(text: str | dict[str, str], language: str, fall_back: str | None) -> str | dict[str, str]:
    if isinstance(text, str):
        return text
    return {language: text.get(language) or text.get(fall_back or "") or text_in(text, language)}
