"""Was it a person who followed a link, or a program that looks where links lead?

Browsers say when they fetch ahead (`Sec-Purpose`, https://fetch.spec.whatwg.org/#sec-purpose-header; before it
`Purpose`, `X-Purpose`, `X-Moz`), and what a request is for (Fetch Metadata Request Headers, W3C). Makers of previews
and scanners of mail name themselves, as a rule. A scanner that plays a browser to the letter cannot be told.
"""

import re
from collections.abc import Mapping
from typing import Final

_AHEAD: Final = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
_AHEAD_WORDS: Final = ("prefetch", "prerender", "preview")
_OF_A_PAGE: Final = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
_PROGRAMS: Final = re.compile(
    r"(?<!cu)bot\b|crawl|spider|slurp|preview|scan|monitor|facebookexternalhit|whatsapp/|slack-imgproxy|skypeuripreview"
    r"|telegrambot|discordbot|embedly|vkshare|google-read-aloud|googleimageproxy|mediapartners|feedfetcher|headless"
    r"|phantomjs|lighthouse|safelinks|proofpoint|mimecast|barracuda|symantec|trendmicro|forcepoint|urldefense"
    r"|^(?:curl|wget|python|go-http-client|java|okhttp|node|axios|libwww|ruby|php|apache-httpclient|postman)",
    re.IGNORECASE,
)


def is_persons(headers: Mapping[str, str], *, method: str) -> bool:
    """Whether a person followed the link, as far as the request tells."""
    if method != "GET":
        return False
    if any(word in headers.get(name, "").lower() for name in _AHEAD for word in _AHEAD_WORDS):
        return False
    if any(headers.get(name, meant) != meant for name, meant in _OF_A_PAGE.items()):
        return False
    agent = headers.get("User-Agent", "")
    return bool(agent) and _PROGRAMS.search(agent) is None
