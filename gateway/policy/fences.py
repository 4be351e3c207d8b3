"""Which geofences a device has entered or left, by where it says it is.

A device on the edge, or one whose position jumps about, must not enter and leave all day: it enters when its position
lies inside, and has left when it is outside by more than a margin and by more than the position may be off. A position
that may be off by more than the geofence is large proves nothing.
"""

import math
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from gateway.model.geometry import EARTH_RADIUS_KM, distance_km, reach_km
from gateway.model.limits import FENCE_MARGIN_KM
from gateway.model.place import Area, Corner, Fence, Position
from gateway.policy.places import contains

_M_PER_KM: Final = 1000.0


class Crossing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a device is now, and what it has entered and left to get there."""

    inside: tuple[Fence, ...] = ()
    entered: tuple[Fence, ...] = ()
    left: tuple[Fence, ...] = ()

    @property
    def is_move(self) -> bool:
        """Whether anything has changed."""
        return bool(self.entered or self.left)


def crossing_of(fences: Sequence[Fence], held: Collection[int], position: Position) -> Crossing:
    """What a position changes for a device that was in the geofences of the numbers `held`."""
    inside = [fence for fence in fences if _is_in(fence, position, was_in=fence.id in held)]
    numbers = {fence.id for fence in inside}
    return Crossing(
        inside=tuple(inside),
        entered=tuple(fence for fence in inside if fence.id not in held),
        left=tuple(fence for fence in fences if fence.id in held and fence.id not in numbers),
    )


def _is_in(fence: Fence, position: Position, *, was_in: bool) -> bool:
    off_km = max(FENCE_MARGIN_KM, (position.accuracy_m or 0.0) / _M_PER_KM)
    if off_km > max(FENCE_MARGIN_KM, _size_km(fence)):
        return was_in
    outside_km = _outside_km(fence, position)
    return outside_km <= (off_km if was_in else 0.0)


def _size_km(fence: Fence) -> float:
    if fence.near is not None:
        return fence.near.radius_km
    assert fence.within is not None, "a geofence has a shape"
    return reach_km(fence.within)


def _outside_km(fence: Fence, position: Position) -> float:
    """How far outside the position is; 0 or less: inside."""
    if fence.near is not None:
        near = fence.near
        return distance_km(near.lat, near.lon, position.lat, position.lon) - near.radius_km
    assert fence.within is not None, "a geofence has a shape"
    if contains(fence.within, position.lat, position.lon):
        return 0.0
    return _to_edge_km(fence.within, position)


def _to_edge_km(area: Area, position: Position) -> float:
    """The way to the nearest side, on a flat map around the position: exact enough for the few km that matter."""
    squeeze = math.cos(math.radians(position.lat))
    maps = (
        [((lon - position.lon) * squeeze, lat - position.lat) for lon, lat in ring]
        for polygon in area.polygons
        for ring in polygon
    )
    degrees = min(_to_side(start, end) for flat in maps for start, end in pairwise(flat))
    return math.radians(degrees) * EARTH_RADIUS_KM


def _to_side(start: Corner, end: Corner) -> float:
    """The way from the origin to the nearest point of a side."""
    east, north = end[0] - start[0], end[1] - start[1]
    length = east * east + north * north
    along = 0.0 if length == 0.0 else max(0.0, min(1.0, -(start[0] * east + start[1] * north) / length))
    return math.hypot(start[0] + along * east, start[1] + along * north)
