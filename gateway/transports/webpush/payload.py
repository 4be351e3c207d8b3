"""What a device gets: Declarative Web Push, https://www.w3.org/TR/push-api/ (section on declarative push messages).

Safari shows it without a worker; our worker reads the same JSON elsewhere.
"""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from gateway.model.delivery import Device
from gateway.model.ids import to_text
from gateway.model.language import language_finder, text_in
from gateway.model.message import Action, Content

OWN_FIELDS: Final = {"navigate": "url", "actions": "actions", "data": "data"}
"""What a message says in fields of its own, and how those are called."""
_MARKER: Final = "\u0000receipt\u0000"
_OURS: Final = "steeple"
"""Under this name in `data` lies what our worker reads: the ids, the receipt token, the spread of reports, a recall."""


def renderer(content: Content, message_text: str, *, extra: Mapping[str, Any]) -> Callable[[Device, str, int], bytes]:
    """The function that makes a device's payload. `extra`: what a message says to browsers alone."""
    parts: dict[str, tuple[bytes, bytes, bytes]] = {}
    find = language_finder((content.title, content.body))

    def render(device: Device, token: str, _ttl_s: int) -> bytes:
        language = find(device.locale)
        compiled = parts.get(language)
        if compiled is None:
            compiled = parts[language] = _compile(content, language, message_text, extra)
        head, middle, tail = compiled
        return head + to_text("sub", device.subscription_id).encode() + middle + token.encode() + tail

    return render


def _compile(
    content: Content, language: str, message_text: str, extra: Mapping[str, Any]
) -> tuple[bytes, bytes, bytes]:
    """The JSON of one language in three pieces: before the subscription's id, before the token, after it."""
    sub, token = f"{_MARKER}s", f"{_MARKER}t"
    said: dict[str, Any] = {
        "title": text_in(content.title, language),
        "body": text_in(content.body, language),
        "lang": language,
        # A copy after a crash replaces the first one, also where a browser shows it without our worker.
        "tag": content.tag or content.collapse_key or message_text,
        "icon": content.icon,
        "image": content.image,
        "badge": content.badge,
        "silent": content.silent or None,
        "requireInteraction": content.require_interaction or None,
        "app_badge": content.badge_count,
        **_without(extra, OWN_FIELDS),
        # Last: a link that was not checked would be opened by browsers that show this without our worker.
        "navigate": content.url,
        "actions": [_action(action) for action in content.actions],
    }
    notification = {name: value for name, value in said.items() if value not in ("", None, [])}
    ours = {"m": message_text, **_marks(content), "s": sub, "t": token}
    notification["data"] = {**_without(content.data, (_OURS,)), _OURS: ours}
    # Mutable: where there is our worker it has its say, such as what a click reports; elsewhere it is shown as it is.
    whole = {"web_push": 8030, "mutable": True, "notification": notification}
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
    # Ours stands last, so whatever a shop wrote before it, be it the marker itself, is not taken for it.
    rest, _, tail = text.rpartition(json.dumps(token)[1:-1])
    head, _, middle = rest.rpartition(json.dumps(sub)[1:-1])
    return head.encode(), middle.encode(), tail.encode()


def _marks(content: Content) -> dict[str, Any]:
    """d: seconds to spread reports over. r: the message that is taken back; q: and there is nothing to show for it."""
    recalls = content.recalls
    said = {
        "d": content.spread_s,
        "r": recalls and to_text("msg", recalls.message_id),
        "q": int(recalls is not None and recalls.is_neutral),
    }
    return {name: value for name, value in said.items() if value}


def _action(action: Action) -> dict[str, str]:
    said = {"action": action.id, "title": action.title, "icon": action.icon, "navigate": action.url}
    return {name: value for name, value in said.items() if value}


def _without(fields: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}
