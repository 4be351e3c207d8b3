"""The order's message as firebase-admin's own objects, and its service pointed at the sink."""

from typing import Any, cast

from firebase_admin import messaging


def message_of(message: dict[str, Any]) -> messaging.Message:
    """The same message; what the library sends is what it makes of these."""
    shown, android, web = message["notification"], message["android"], message["webpush"]
    return messaging.Message(
        token=message["token"],
        data=message["data"],
        notification=messaging.Notification(shown["title"], shown["body"]),
        android=messaging.AndroidConfig(
            priority=android["priority"].lower(),
            ttl=float(android["ttl"].removesuffix("s")),
            notification=messaging.AndroidNotification(tag=android["notification"]["tag"]),
        ),
        apns=messaging.APNSConfig(headers=message["apns"]["headers"]),
        webpush=messaging.WebpushConfig(
            headers=web["headers"],
            notification=messaging.WebpushNotification(
                icon=web["notification"]["icon"], tag=web["notification"]["tag"]
            ),
            fcm_options=messaging.WebpushFCMOptions(link=web["fcm_options"]["link"]),
        ),
    )


def messaging_service(origin: str) -> Any:
    """The library's service; its address can be changed from within only."""
    service = cast("Any", messaging)._get_messaging_service(None)  # noqa: SLF001 - see above
    service._fcm_url = service._fcm_url.replace("https://fcm.googleapis.com", origin)  # noqa: SLF001 - see above
    return service
