"""What browsers and systems show of a notification, and what they leave out.

Sources. Fields: MDN browser-compat-data 8.1.9 (2026-11-12), api/Notification and api/ServiceWorkerRegistration; WebKit,
"Meet Declarative Web Push"; for apps, what the system shows without code of the app's own. Two buttons: Chromium's
`Notification.maxActions`. Lengths are what senders measured, not what anybody promises, and the shortest of a browser's
systems: Batch, "optimal length for every web push notification"; PushOwl, "ideal character length"; Reteno, "push
notification character limits".
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.model.subscriber import Platform


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How a notification looks on a platform.

    drops: fields that it does not show, with what happens instead. actions_max: buttons; None: nobody has told.
    title_chars, body_chars: what is seen at first glance; None: nobody has told. needs_url: whether it shows the
    notification by itself, for which there has to be a link.
    """

    drops: Mapping[str, str] = {}
    actions_max: int | None = None
    title_chars: int | None = None
    body_chars: int | None = None
    needs_url: bool = False


_OWN_SOUND: Final = {"sound": "it plays a sound of its own"}
_NO_COUNT: Final = {"badge_count": "it shows no number on its icon"}
_OWN_ICON: Final = "it shows the icon of the app or browser"
_NO_PICTURE: Final = "it shows no large picture"
_CHROMIUM: Final = _OWN_SOUND
_FIREFOX: Final = {
    **_OWN_SOUND,
    **_NO_COUNT,
    "image": _NO_PICTURE,
    "badge": "it has no small picture",
}
_SAFARI: Final = {
    **_OWN_SOUND,
    "image": _NO_PICTURE,
    "badge": "it has no small picture",
    "icon": _OWN_ICON,
    "actions": "it shows no buttons: every click opens the message's link",
    "require_interaction": "its user decides how long notifications stay",
}
_APP: Final = {
    "icon": _OWN_ICON,
    "badge": "the app brings its small picture itself",
    "require_interaction": "its user decides how long notifications stay",
}

LOOKS: Final[Mapping[Platform, Look]] = {
    Platform.CHROME_DESKTOP: Look(drops=_CHROMIUM, actions_max=2, title_chars=43, body_chars=88),
    Platform.CHROME_ANDROID: Look(drops=_CHROMIUM, actions_max=2, title_chars=30, body_chars=65),
    Platform.EDGE_DESKTOP: Look(drops=_CHROMIUM, actions_max=2, title_chars=43, body_chars=88),
    Platform.EDGE_ANDROID: Look(drops=_CHROMIUM, actions_max=2, title_chars=30, body_chars=65),
    Platform.OPERA: Look(drops=_CHROMIUM, actions_max=2, title_chars=43, body_chars=65),
    Platform.SAMSUNG: Look(drops=_CHROMIUM, actions_max=2, title_chars=30, body_chars=65),
    Platform.FIREFOX_DESKTOP: Look(drops=_FIREFOX, title_chars=42, body_chars=90),
    Platform.FIREFOX_ANDROID: Look(drops=_FIREFOX, title_chars=30, body_chars=65),
    Platform.SAFARI_MAC: Look(drops=_SAFARI, title_chars=49, body_chars=103, needs_url=True),
    Platform.SAFARI_IOS: Look(drops=_SAFARI, body_chars=178, needs_url=True),
    Platform.IOS_APP: Look(
        drops={
            **_APP,
            "image": "only an app with a notification service extension shows it",
            "actions": "only a category that the app registered has buttons",
        },
        body_chars=178,
    ),
    Platform.ANDROID_APP: Look(
        drops={**_APP, "actions": "the app is told of them, and shows them or not"}, body_chars=65
    ),
}
"""Platform -> its look. Of others nothing is known."""
