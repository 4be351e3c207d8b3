"""How well a text can be read on its background: WCAG 2.2, "contrast ratio" and "relative luminance"."""

from typing import Final

_WEIGHTS: Final = (0.2126, 0.7152, 0.0722)
_LINEAR_UP_TO: Final = 0.04045
_FLARE: Final = 0.05


def contrast_of(one: str, other: str) -> float:
    """The contrast of two colours such as `#0b57d0`, 1 (none) to 21 (black on white)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + _FLARE) / (darker + _FLARE)


def _luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return sum(weight * _linear(part) for weight, part in zip(_WEIGHTS, parts, strict=True))


def _linear(part: float) -> float:
    return part / 12.92 if part <= _LINEAR_UP_TO else ((part + 0.055) / 1.055) ** 2.4
