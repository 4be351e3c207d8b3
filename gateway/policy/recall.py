"""What a recall says: the replacement, or a neutral line where a browser shows something for every push.

It takes the place of the first message everywhere: at push services that still hold it (the same collapse key), and on
screen (the same tag). Sources: RFC 8030 section 5.4 (topics); WHATWG, Notifications API (tag); Apple, "Sending
notification requests to APNs" (apns-collapse-id); Firebase, "About FCM messages" (tag).
"""

from typing import Final

import msgspec

from gateway.model.ids import to_text
from gateway.model.limits import TTL_S_DEFAULT
from gateway.model.message import Content, Message, Recall

WITHDRAWN: Final[dict[str, str]] = {
    "en": "This message was withdrawn.",
    "ar": "تم سحب هذه الرسالة.",
    "cs": "Tato zpráva byla stažena.",
    "da": "Denne besked er trukket tilbage.",
    "de": "Diese Nachricht wurde zurückgezogen.",
    "es": "Este mensaje se ha retirado.",
    "fi": "Tämä viesti on peruttu.",
    "fr": "Ce message a été retiré.",
    "he": "ההודעה הזו בוטלה.",
    "it": "Questo messaggio è stato ritirato.",
    "nb": "Denne meldingen er trukket tilbake.",
    "nl": "Dit bericht is ingetrokken.",
    "pl": "Ta wiadomość została wycofana.",
    "pt": "Esta mensagem foi retirada.",
    "sv": "Det här meddelandet har dragits tillbaka.",
    "tr": "Bu mesaj geri çekildi.",
}
"""The neutral line, by language."""


def recall_of(first: Message, replacement: Content | None, *, name: str, page: str) -> Content:
    """What those are sent who were sent `first`.

    Without a replacement it says the neutral line under the shop's `name`, silently, and leads to its front `page`:
    where the first one led may be what was wrong with it. It lives as long as push services may hold the first one.
    """
    content = first.content
    said = replacement or Content(title=name, body=WITHDRAWN, silent=True)
    return msgspec.structs.replace(
        said,
        url=said.url or page,
        icon=content.icon,
        badge=content.badge,
        tag=content.tag or content.collapse_key or to_text("msg", first.id),
        collapse_key=content.collapse_key,
        ttl_s=max(content.ttl_s, TTL_S_DEFAULT),
        urgency=content.urgency,
        recalls=Recall(
            message_id=first.id,
            topic=topic_of(first),
            was_silent=content.recalls.was_silent if content.recalls else content.silent,
            is_neutral=replacement is None,
        ),
    )


def topic_of(message: Message) -> str:
    """What a message replaces at push services that still hold it: what it takes back, an earlier one of the same key.

    Copies of one message collapse as well, so that a repetition after a crash replaces.
    """
    content = message.content
    if content.recalls is not None:
        return content.recalls.topic
    return content.collapse_key or f"{message.app_id}.{message.id}"
