"""The JSON that a device gets: Apple's `aps`, the message's `data` beside it, ours under `steeple`.

Put together once per language; per device only the subscription's id and the receipt token are filled in. Source:
Apple, "Generating a remote notification".
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from gateway.model.delivery import Device
from gateway.model.ids import to_text
from gateway.model.language import language_finder, text_in
from gateway.model.message import Action, Content
from gateway.transports.apns.fields import Fields, Sound

_OURS: Final = "steeple"
"""Under this name lie the ids, the receipt token, and what a service extension of the app may want."""
_RESERVED: Final = ("aps", _OURS)
_REFRESHES: Final = ("widgets", "controls")
_SHOWS_TEXT: Final = ("alert", "voip")

_encode = msgspec.json.Encoder().encode


def renderer(
    content: Content, fields: Fields, *, message_text: str, now_s: float
) -> Callable[[Device, str, int], bytes]:
    """What renders the message for each device. `message_text` is its public id, `now_s` Unix time."""
    parts: dict[str, tuple[bytes, bytes]] = {}
    find = language_finder((content.title, content.body, fields.subtitle))
    middle = b'","t":"'

    def render(device: Device, token: str, _ttl_s: int) -> bytes:
        language = find(device.locale)
        compiled = parts.get(language)
        if compiled is None:
            compiled = parts[language] = _compiled(content, fields, language, message_text, int(now_s))
        head, tail = compiled
        return b"".join((head, to_text("sub", device.subscription_id).encode(), middle, token.encode(), tail))

    return render


def _compiled(content: Content, fields: Fields, language: str, message_text: str, now_s: int) -> tuple[bytes, bytes]:
    """What stands before the subscription's id, and what stands behind the token."""
    root = {name: value for name, value in content.data.items() if name not in _RESERVED}
    root["aps"] = {**_aps(content, fields, language, now_s), **fields.aps}
    ours = {
        "r": "" if content.recalls is None else to_text("msg", content.recalls.message_id),
        "url": content.url,
        "deep_link": content.deep_link,
        "image": content.image,
        "actions": [_action(action) for action in content.actions],
    }
    said = {name: value for name, value in ours.items() if value}
    opening = _encode({**said, "m": message_text})[:-1] + b',"s":"'
    return _encode(root)[:-1] + b',"%s":' % _OURS.encode() + opening, b'"}}'


def _aps(content: Content, fields: Fields, language: str, now_s: int) -> dict[str, Any]:
    match fields.push_type:
        case "background":
            return {"content-available": 1}
        case "liveactivity":
            return _activity(content, fields, language, now_s)
        case "alert":
            return _notification(content, fields, language)
        case kind if kind in _REFRESHES:
            return {"content-changed": True}
        case kind:
            return _said(alert=_alert(content, fields, language)) if kind in _SHOWS_TEXT else {}


def _notification(content: Content, fields: Fields, language: str) -> dict[str, Any]:
    is_for_extension = fields.mutable_content or content.image or content.actions
    return _said(
        alert=_alert(content, fields, language),
        badge=content.badge_count,
        sound=_sound(content, fields),
        thread_id=fields.thread_id or content.tag,
        category=fields.category,
        interruption_level=fields.interruption_level,
        relevance_score=fields.relevance_score,
        mutable_content=1 if is_for_extension else None,
        content_available=1 if fields.content_available else None,
        target_content_id=fields.target_content_id,
        filter_criteria=fields.filter_criteria,
    )


def _activity(content: Content, fields: Fields, language: str, now_s: int) -> dict[str, Any]:
    """A start has to alert; an update or an end does unless the message is silent."""
    alert: dict[str, Any] | None = None
    if fields.event == "start" or not content.silent:
        alert = _said(**_alert(content, fields, language), sound=_sound(content, fields))
    return _said(
        timestamp=now_s if fields.timestamp is None else fields.timestamp,
        event=fields.event,
        content_state=fields.content_state,
        stale_date=fields.stale_date,
        dismissal_date=fields.dismissal_date,
        attributes_type=fields.attributes_type,
        attributes=fields.attributes,
        input_push_token=1 if fields.input_push_token else None,
        input_push_channel=fields.input_push_channel,
        relevance_score=fields.relevance_score,
        alert=alert,
    )


def _alert(content: Content, fields: Fields, language: str) -> dict[str, Any]:
    """A text that the app looks up takes the place of ours."""
    return _said(
        title=None if fields.title_loc_key else text_in(content.title, language),
        title_loc_key=fields.title_loc_key,
        title_loc_args=fields.title_loc_args,
        subtitle=None if fields.subtitle_loc_key else text_in(fields.subtitle, language),
        subtitle_loc_key=fields.subtitle_loc_key,
        subtitle_loc_args=fields.subtitle_loc_args,
        body=None if fields.loc_key else text_in(content.body, language),
        loc_key=fields.loc_key,
        loc_args=fields.loc_args,
        launch_image=fields.launch_image,
    )


def _sound(content: Content, fields: Fields) -> str | dict[str, Any] | None:
    match fields.sound:
        case None:
            return None if content.silent else content.sound or "default"
        case Sound(name=name, critical=critical, volume=volume):
            return _said(name=name, critical=1 if critical else None, volume=volume)
        case name:
            return name or None


def _action(action: Action) -> dict[str, str]:
    said = {"id": action.id, "title": action.title, "icon": action.icon, "url": action.url}
    return {name: value for name, value in said.items() if value}


def _said(**values: Any) -> dict[str, Any]:
    """Under Apple's names, what was said at all: every byte is paid a million times."""
    return {
        name.replace("_", "-"): value for name, value in values.items() if value is not None and value not in ("", [])
    }
