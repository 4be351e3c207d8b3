"""The contest as a picture: bars by provider, in plain SVG that is readable on light and on dark pages.

It brings its own background in both, because a page may be dark where the reader's system is not.
"""

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from benchmarks.contest import Contest, Standing
from benchmarks.contestants import ENTRIES
from benchmarks.goals import provider_title
from benchmarks.orders import PROVIDERS, Provider

_WIDTH: Final = 860
_LABEL_WIDTH: Final = 330
_BAR_WIDTH: Final = 420
_ROW: Final = 22
_BAR: Final = 14
_TITLE: Final = 40
_GAP: Final = 18
_MARGIN: Final = 20
_STYLE: Final = """\
<style>
  text { fill: #1f2328; font: 12px system-ui, sans-serif } .title { font-size: 15px; font-weight: 600 }
  .page { fill: #ffffff } .quiet { fill: #59636e } .ours { fill: #1a7f5a } .other { fill: #9aa4af }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .page { fill: #0d1117 } .quiet { fill: #9198a1 }
    .ours { fill: #3fb98a } .other { fill: #656c76 }
  }
</style>
"""


def svg_of(contest: Contest) -> str:
    """The picture; each provider has a scale of its own."""
    parts: list[str] = []
    top = _MARGIN
    for provider in PROVIDERS:
        standings = _sorted(contest, provider)
        if standings:
            parts.append(_group(provider, standings, top))
            top += _TITLE + _ROW * len(standings) + _GAP
    height = top + _MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
        f' viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="Messages per second of one process">\n'
        f'{_STYLE}<rect class="page" width="{_WIDTH}" height="{height}" rx="8"/>\n{"".join(parts)}</svg>\n'
    )


def _sorted(contest: Contest, provider: Provider) -> list[Standing]:
    return sorted((one for one in contest.standings if one.provider == provider), key=lambda one: -one.per_s)


def _group(provider: Provider, standings: Sequence[Standing], top: int) -> str:
    most = standings[0].per_s
    title = (
        f'<text class="title" x="{_MARGIN}" y="{top + 16}">{provider_title(provider)}'
        f'<tspan class="quiet" dx="8" font-size="12" font-weight="400">messages/s, one process</tspan></text>\n'
    )
    return title + "".join(_bar(one, most, top + _TITLE + _ROW * place) for place, one in enumerate(standings))


def _bar(one: Standing, most: float, top: int) -> str:
    entry = ENTRIES[one.name]
    width = max(1.0, _BAR_WIDTH * one.per_s / most)
    left, middle = _MARGIN + _LABEL_WIDTH, top + _BAR - 3
    kind = "ours" if entry.is_ours else "other"
    return (
        f'<text x="{left - 8}" y="{middle}" text-anchor="end">{escape(entry.described.replace("`", ""))}</text>'
        f'<rect class="{kind}" x="{left}" y="{top}" width="{width:.1f}" height="{_BAR}" rx="2"/>'
        f'<text x="{left + width + 6:.1f}" y="{middle}">{one.per_s:,.0f}</text>\n'
    )
