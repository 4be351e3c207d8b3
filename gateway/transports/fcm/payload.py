"""The JSON that FCM gets: a notification that the system shows, data for the app, and what each platform needs besides.

Source: Firebase, "REST Resource: projects.messages" and "About FCM messages". Keys stand in the order of the alphabet.

Two parts, each put together once per message: the payload (what counts against FCM's 4,096 bytes; once per language)
and the envelope around it. Per device only the token, the ids, the receipt token and the times are filled in. What
would stand in the envelope and differs from person to person (a mark, see `model/marks.py`) is in the payload instead.
"""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.model.delivery import Device, Push, Urgency
from gateway.model.ids import to_text
from gateway.model.language import language_finder, text_in
from gateway.model.limits import FCM_PAYLOAD_BYTES_MAX, TTL_S_MAX
from gateway.model.marks import holds_mark
from gateway.model.message import Action, Content
from gateway.transports.fcm.fields import Fields, is_reserved, ttl_s_of

PAYLOAD_BYTES_MAX: Final = FCM_PAYLOAD_BYTES_MAX + 1024
"""FCM counts keys and values alone; the rest is for JSON's own signs."""
MARKED_PAYLOAD_BYTES_MAX: Final = 2 * FCM_PAYLOAD_BYTES_MAX
"""As above, with room for what moved here from the envelope."""
_OURS: Final = "steeple"
"""Under this name in `data` lie the ids and the receipt token, as JSON text: values of `data` are texts."""
_TOKEN_AT: Final = 1
_COLLAPSE_ID_BYTES_MAX: Final = 64
_UNMARKED_PARTS: Final = 3
_MARK_CHARS: Final = 32
_ID_CHARS: Final = 17
_RECEIPT_CHARS: Final = 55
_APPLE_PRIORITIES: Final[dict[Urgency, str]] = {"very-low": "1", "low": "5"}


class Envelope(msgspec.Struct, frozen=True):
    """What stands around the payload, the same for all devices of a message but for what is filled in."""

    template: bytes
    """For `%` with ttl, until, shown and token."""
    ttl_s_max: int

    def around(self, push: Push, *, now_s: float) -> bytes:
        """The body of the request for this push."""
        return self.template % {
            b"android_ttl": min(push.ttl_s, self.ttl_s_max),
            b"ttl": push.ttl_s,
            b"until": int(now_s) + push.ttl_s if push.ttl_s else 0,
            b"shown": push.payload.rstrip(b" ")[1:-1] or b'"data":{}',
            b"token": push.wire[_TOKEN_AT:],
        }


def renderer(content: Content, fields: Fields, *, message_text: str) -> Callable[[Device, str, int], bytes]:
    """What makes the payload for each device. `message_text` is the message's public id."""
    parts: dict[str, tuple[bytes, ...]] = {}
    find = language_finder((content.title, content.body))

    def render(device: Device, token: str, ttl_s: int) -> bytes:
        language = find(device.locale)
        compiled = parts.get(language)
        if compiled is None:
            compiled = parts[language] = _compiled(content, fields, language, message_text)
        head, middle, tail, *rest = compiled
        own = (head, to_text("sub", device.subscription_id).encode(), middle, token.encode(), tail)
        return b"".join((*own, b"%d" % ttl_s, *rest) if rest else own)

    return render


def bytes_max_of(content: Content) -> int | None:
    """The bound of a message's payload, where it is not `PAYLOAD_BYTES_MAX`."""
    return MARKED_PAYLOAD_BYTES_MAX if _is_marked(content) else None


def _is_marked(content: Content) -> bool:
    return holds_mark(msgspec.json.encode(content).decode())


def envelope(content: Content, fields: Fields, *, message_text: str) -> Envelope:
    """The envelope of a message; without `message_text` nothing makes a copy replace another."""
    mark = _mark()
    android = _json(_android(content, fields, message_text, ttl=f"{mark}a"))
    apple = _json(_apple(content, fields, message_text, until=f"{mark}b"))
    web = "" if _is_marked(content) else f',"webpush":{_json(_web(content, fields, message_text, ttl=f"{mark}c"))}'
    sections = f'{{"message":{{"android":{android},"apns":{apple},{mark}d,"token":"{mark}e"{web}}}}}'
    template = sections.replace("%", "%%")
    for letter, place in zip(
        "abcde", ("%(android_ttl)ds", "%(until)d", "%(ttl)d", "%(shown)b", "%(token)b"), strict=True
    ):
        template = template.replace(mark + letter, place)
    asked_s = ttl_s_of(fields)
    return Envelope(template.encode(), TTL_S_MAX if asked_s is None else asked_s)


# --- payload ----------------------------------------------------------------------------------------------------------


def _compiled(content: Content, fields: Fields, language: str, message_text: str) -> tuple[bytes, ...]:
    """What stands before the subscription's id, between it and the receipt token, and after that.

    Where it has marks: also what stands behind the time to live, and spaces that keep its length as far from our bound
    as it is from FCM's, whatever is filled in.
    """
    sub, receipt, ttl = _mark(), _mark(), _mark()
    texts = _said(title=text_in(content.title, language), body=text_in(content.body, language), image=content.image)
    data = _data(content, fields, texts)
    recalls = "" if content.recalls is None else to_text("msg", content.recalls.message_id)
    data[_OURS] = _json(_said(m=message_text, r=recalls, s=sub, t=receipt))
    shown = {} if _is_data_only(content, fields) else texts
    options = None if fields.fcm_options is None else msgspec.to_builtins(fields.fcm_options)
    web = _web(content, fields, message_text, ttl=ttl) if _is_marked(content) else {}
    text = _json(_said(data=data, fcm_options=options, notification=shown, webpush=web))
    head, _, rest = text.partition(sub)
    parts = (head, *(piece for behind in rest.split(receipt) for piece in behind.split(ttl)))
    excess_bytes = _excess_bytes(data, {**shown, **_shown_by_android(content, fields, message_text)})
    *others, last = (part.encode() for part in parts)
    return (*others, last + _padding(parts, excess_bytes))


def _data(content: Content, fields: Fields, texts: Mapping[str, str]) -> dict[str, str]:
    """What the app gets: the message's own data first, then what it would otherwise not learn."""
    data = {key: _as_text(value) for key, value in content.data.items() if key and not is_reserved(key)}
    data.update(fields.data)
    ours = _said(url=content.url, deep_link=content.deep_link, actions=[_action(action) for action in content.actions])
    if _is_data_only(content, fields):
        ours = {**texts, **ours}
    return {**{key: _as_text(value) for key, value in ours.items()}, **data}


def _shown_by_android(content: Content, fields: Fields, message_text: str) -> dict[str, str]:
    """The texts of its notification that stand in the envelope: Firebase counts them as well."""
    if _is_data_only(content, fields):
        return {}
    shown = _notification(content, fields, message_text)
    return {name: value for name, value in shown.items() if isinstance(value, str)}


def _excess_bytes(data: Mapping[str, str], shown: Mapping[str, str]) -> int:
    """By how much it is too large for an Android device; not positive: it fits. `data` still holds our marks."""
    counted = sum(len(text.encode()) for text in (*data, *data.values(), *shown.values()))
    return counted - 2 * _MARK_CHARS + _ID_CHARS + _RECEIPT_CHARS - FCM_PAYLOAD_BYTES_MAX


def _padding(parts: Sequence[str], excess_bytes: int) -> bytes:
    """Spaces that bring a payload over our bound by as much as it is over FCM's, so that nobody tries to send it."""
    length = sum(len(part.encode()) for part in parts) + _ID_CHARS + _RECEIPT_CHARS
    is_marked = len(parts) > _UNMARKED_PARTS
    bytes_max = MARKED_PAYLOAD_BYTES_MAX if is_marked else PAYLOAD_BYTES_MAX
    return b" " * (bytes_max + excess_bytes - length) if is_marked or excess_bytes > 0 else b""


# --- envelope ---------------------------------------------------------------------------------------------------------


def _android(content: Content, fields: Fields, message_text: str, *, ttl: str) -> dict[str, Any]:
    own = _given(fields.android, without=("ttl", "priority", "notification"))
    asked = None if fields.android is None else fields.android.priority
    shown = {} if _is_data_only(content, fields) else _notification(content, fields, message_text)
    priority = asked.upper() if asked else "HIGH" if content.urgency == "high" else "NORMAL"
    ours = {"collapse_key": content.collapse_key, "notification": shown, "priority": priority, "ttl": ttl}
    return _said(**{**ours, **own})


def _notification(content: Content, fields: Fields, message_text: str) -> dict[str, Any]:
    """A tag of its own for each message: a copy then replaces the first one, and no other."""
    own = _given(None if fields.android is None else fields.android.notification)
    tag = content.tag or content.collapse_key or message_text
    # Android looks for a resource, whose name is the file's without its ending.
    sound = content.sound.partition(".")[0]
    return _said(**{"tag": tag, "notification_count": content.badge_count, "sound": sound, **own})


def _apple(content: Content, fields: Fields, message_text: str, *, until: str) -> dict[str, Any]:
    is_silent = _is_data_only(content, fields)
    headers = _said(
        **{
            "apns-collapse-id": _collapse_id(content, message_text),
            "apns-expiration": until,
            "apns-priority": "5" if is_silent else _APPLE_PRIORITIES.get(content.urgency),
            "apns-push-type": "background" if is_silent else None,
        }
    )
    aps = {"content-available": 1} if is_silent else _said(badge=content.badge_count, sound=content.sound)
    own = _given(fields.apns)
    payload: dict[str, Any] = own.pop("payload", {})
    aps.update(payload.get("aps", {}))
    return _said(
        **{**own, "headers": headers | own.get("headers", {}), "payload": {**payload, **({"aps": aps} if aps else {})}}
    )


def _collapse_id(content: Content, message_text: str) -> str:
    wanted = content.collapse_key or content.tag
    is_fit = wanted.isascii() and wanted.isprintable() and len(wanted) <= _COLLAPSE_ID_BYTES_MAX
    return wanted if wanted and is_fit else message_text


def _web(content: Content, fields: Fields, message_text: str, *, ttl: str) -> dict[str, Any]:
    own = _given(fields.webpush)
    shown: dict[str, Any] = {}
    if not _is_data_only(content, fields):
        shown = _said(
            icon=content.icon,
            badge=content.badge,
            tag=content.tag or content.collapse_key or message_text,
            requireInteraction=content.require_interaction or None,
            actions=[{"action": action.id, "title": action.title} for action in content.actions],
        )
    # Firebase takes https links only, and would refuse the message for everybody.
    link = content.url if content.url.startswith("https://") else ""
    return _said(
        fcm_options=_said(link=link) | own.get("fcm_options", {}),
        headers={"TTL": ttl, "Urgency": content.urgency} | own.get("headers", {}),
        notification=shown | own.get("notification", {}),
    )


def _is_data_only(content: Content, fields: Fields) -> bool:
    """Android has no silent notification that another would not turn loud: the app shows it, or does not.

    So it takes back what it was left to show; what the system shows, the system replaces.
    """
    return fields.data_only or (content.silent if content.recalls is None else content.recalls.was_silent)


def _given(fields: msgspec.Struct | None, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    given: dict[str, Any] = {} if fields is None else msgspec.to_builtins(fields)
    return {name: value for name, value in given.items() if name not in without}


def _said(**values: Any) -> dict[str, Any]:
    """What was said at all."""
    return {name: value for name, value in values.items() if value is not None and value not in ("", [], {})}


def _action(action: Action) -> dict[str, str]:
    return _said(id=action.id, title=action.title, icon=action.icon, url=action.url)


def _mark() -> str:
    """Stands for what is filled in later; nobody can have written it into a message."""
    return secrets.token_hex(_MARK_CHARS // 2)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
