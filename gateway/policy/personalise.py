"""What a message says to one person: fields filled in, in their language, with links that lead where they may.

Texts are parsed once. For each language, and for each set of parts that have nothing to say to somebody (no picture,
say), the provider puts its payload together once, with marks where fields stand; for a person only the marks are
replaced, each value escaped as JSON demands at that place. A message without fields is not touched at all.
"""

from collections.abc import Callable, Sequence
from functools import partial
from json.encoder import encode_basestring
from typing import Final, TypeVar

import msgspec

from gateway.model.delivery import Device
from gateway.model.errors import Invalid
from gateway.model.language import language_finder
from gateway.model.limits import RENDERINGS_KEPT_MAX
from gateway.model.marks import new_mark
from gateway.model.message import Content
from gateway.policy.click_links import routed
from gateway.policy.liquid import TextUnmade
from gateway.policy.scope import Scope, locale_of
from gateway.policy.wording import NOBODY, Part, Wording, has_languages, in_language, split, templates_of, without

Render = Callable[[Device, str, int], bytes]
_C = TypeVar("_C", bound=msgspec.Struct)
_LEVELS_MAX: Final = 3
"""Text inside text inside text: no provider nests deeper."""


def check_texts(content: Content, wording: Wording) -> None:
    """Raises `Invalid` for a text that cannot be read, or a link that leads nowhere allowed, with its path."""
    templates_of(content, wording)


def reads_person(content: Content, wording: Wording) -> bool:
    """Whether more of each recipient has to be read for its texts than sending needs."""
    if has_languages(content):
        return True  # a device that says none is spoken to in its person's
    try:
        return any(part.reads_person(wording) for part in templates_of(content, wording))
    except Invalid:
        return False  # nobody will get it


def made(content: Content, wording: Wording, compile_: Callable[[Content], _C]) -> _C:
    """What a provider makes of a message (`compile_`, which has a `render`), for everybody or for each person.

    Its `render` raises `TextUnmade` for those whose text cannot be made. That may be everybody: a host that a link
    leads to can have been taken off the app's list since the message was ordered.
    """
    try:
        plain, parts = split(routed(wording.linked(content), wording.clicks), wording)
        if not parts and not wording.chooses_language(plain):
            return _heard(compile_(plain)) if has_languages(plain) else compile_(plain)
        speaker = _Speaker(plain, wording, lambda outline: _render_of(compile_(outline)))
        return msgspec.structs.replace(compile_(speaker.outline), render=speaker.render)
    except (Invalid, TextUnmade) as fault:
        return msgspec.structs.replace(compile_(content), render=partial(_refuse, str(fault)))


def said_to(content: Content, wording: Wording, device: Device) -> Content:
    """The message as one person gets it. Raises `TextUnmade`, and `Invalid` for texts that cannot be read."""
    plain, _ = split(wording.linked(content), wording)
    return _Speaker(plain, wording, _no_render).said_to(device)


def _heard(compiled: _C) -> _C:
    """The same, for devices that say no language: in their person's. A provider looks at the device's alone."""
    render = _render_of(compiled)

    def told(device: Device, token: str, ttl_s: int) -> bytes:
        if not device.locale and (locale := locale_of(device)) is not None:
            device = msgspec.structs.replace(device, locale=locale)
        return render(device, token, ttl_s)

    return msgspec.structs.replace(compiled, render=told)


def _render_of(compiled: msgspec.Struct) -> Render:
    return compiled.render  # type: ignore[attr-defined]  # what a provider compiles has one


def _refuse(reason: str, _device: Device, _token: str, _ttl_s: int) -> bytes:
    raise TextUnmade(reason)


def _no_render(_content: Content) -> Render:
    return lambda _device, _token, _ttl_s: b""


class _Speaker:
    """A message in all of its languages."""

    def __init__(self, content: Content, wording: Wording, compile_: Callable[[Content], Render]) -> None:
        self._content = content
        self._wording = wording
        self._compile = compile_
        self._find = language_finder((content.title, content.body), fall_back=wording.language)
        self._speeches: dict[str, _Speech] = {}

    @property
    def outline(self) -> Content:
        """The content with its marks, in some language."""
        return self._speech(self._find(None)).outline

    def render(self, device: Device, token: str, ttl_s: int) -> bytes:
        """The payload for one person. Raises `TextUnmade`."""
        return self._speech(self._find(locale_of(device))).render(device, token, ttl_s)

    def said_to(self, device: Device) -> Content:
        """The content for one person. Raises `TextUnmade`."""
        return self._speech(self._find(locale_of(device))).said_to(device)

    def _speech(self, language: str) -> "_Speech":
        speech = self._speeches.get(language)
        if speech is None:
            content = in_language(self._content, language, self._wording.language)
            speech = self._speeches[language] = _Speech(content, self._wording, language, self._compile)
        return speech


class _Place(msgspec.Struct, frozen=True):
    """Where a part stands in a payload: its mark on each level of text inside text, b"" where it is not.

    The text is escaped once for each level on its way there.
    """

    part: int
    forms: tuple[bytes, ...]


class _Rendering(msgspec.Struct, frozen=True, eq=False):
    """A payload with marks, and where they are."""

    render: Render
    places: tuple[_Place, ...]


class _Speech:
    """A message in one language."""

    def __init__(
        self, content: Content, wording: Wording, language: str, compile_: Callable[[Content], Render]
    ) -> None:
        self._content = content
        self._parts: Sequence[Part] = templates_of(content, wording)
        self._values = wording.values
        self._language = language or None
        self._compile = compile_
        self._marks = [new_mark(part.beginning) for part in self._parts]
        self._renderings: dict[tuple[int, ...], _Rendering] = {}

    @property
    def outline(self) -> Content:
        """The content with a mark for each part."""
        return self._with(self._marks)

    def said_to(self, device: Device) -> Content:
        """The content for one person. Raises `TextUnmade`."""
        return self._with(self._texts(device))

    def render(self, device: Device, token: str, ttl_s: int) -> bytes:
        """The payload for one person. Raises `TextUnmade`."""
        texts = self._texts(device, token)
        silent = self._silent(texts) if "" in texts else ()
        rendering = self._renderings.get(silent)
        if rendering is None:
            rendering = self._rendering(silent)
        payload = rendering.render(device, token, ttl_s)
        for place in rendering.places:
            text = texts[place.part]
            for form in place.forms:
                text = encode_basestring(text)[1:-1]
                if form:
                    payload = payload.replace(form, text.encode("utf-8", "replace"))
        return payload

    def _texts(self, device: Device, token: str = "") -> list[str]:
        scope = Scope(device, self._values, self._language, token)
        return [part.fill(scope) for part in self._parts]

    def _silent(self, texts: Sequence[str]) -> tuple[int, ...]:
        return tuple(at for at, text in enumerate(texts) if not text and self._parts[at].may_be_silent)

    def _rendering(self, silent: tuple[int, ...]) -> _Rendering:
        if len(self._renderings) >= RENDERINGS_KEPT_MAX:
            self._renderings.clear()
        marked = ["" if at in silent else mark for at, mark in enumerate(self._marks)]
        render = self._compile(self._with(marked))
        sample = render(NOBODY, "", 0)
        places = [_Place(at, _forms_in(sample, mark)) for at, mark in enumerate(marked) if mark]
        kept = self._renderings[silent] = _Rendering(render, tuple(place for place in places if any(place.forms)))
        return kept

    def _with(self, texts: Sequence[str]) -> Content:
        content = without(self._content, {part.where: text for part, text in zip(self._parts, texts, strict=True)})
        if not any(text if isinstance(text, str) else any(text.values()) for text in (content.title, content.body)):
            raise TextUnmade("nothing is left of title and body")
        return content


def _forms_in(payload: bytes, mark: str) -> tuple[bytes, ...]:
    """How the mark reads in this payload on each level, up to the deepest where it is."""
    forms: list[bytes] = []
    for _ in range(_LEVELS_MAX):
        mark = encode_basestring(mark)[1:-1]
        form = mark.encode()
        forms.append(form if form in payload else b"")
    while forms and not forms[-1]:
        forms.pop()
    return tuple(forms)
