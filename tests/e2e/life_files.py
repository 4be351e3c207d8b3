"""What may lie on a shop's site besides the shop: workers of its own and of others, old scripts, a wrong clock."""

from pathlib import Path
from typing import Final

from e2e.shop import Shop

_PAGES: Final = Path(__file__).parent / "pages" / "life"
_JQUERY: Final = Path(__file__).parents[2] / "sdk-js" / "node_modules" / "jquery" / "dist" / "jquery.js"
_FILES: Final = {
    "/OtherProviderWorker.js": _PAGES / "other-provider.js",
    "/shopWorker.js": _PAGES / "shop-worker.js",
    "/BrokenWorker.js": _PAGES / "broken-worker.js",
    "/hostile.js": _PAGES / "hostile.js",
    "/clock.js": _PAGES / "clock.js",
    "/jquery.js": _JQUERY,
}
BARE: Final = "<!doctype html><title>A page without any script</title>"


def move_in(shop: Shop, gateway_url: str) -> None:
    """Puts all of them on the shop's site; its pages load none until their snippet says so."""
    for path, file in _FILES.items():
        shop.site.files[path] = file.read_text("utf-8").replace("@GATEWAY@", gateway_url)
    shop.site.files["/outlet/push/Worker.js"] = f'importScripts("{gateway_url}/sdk/v1/worker.js")\n'
    shop.site.files["/bare"] = BARE


def say_in_tag(shop: Shop, attributes: str, *, before: str = "") -> None:
    """Changes the line that the shop pastes: more attributes, and scripts that run before it."""
    shop.site.snippet = before + shop.site.snippet.replace("<script ", f"<script {attributes} ", 1)
