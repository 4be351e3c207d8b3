"""Where devices are: what is asked of it, what is kept of it, and how long."""

from typing import Final

PLACE_IP_RADIUS_KM_MIN: Final = 50.0
"""Below this a position guessed from an address is no evidence: two good databases lie 15 km apart in the median, and a
quarter of their answers 156 km."""
PLACE_RADIUS_KM_MIN: Final = 0.1
"""Positions that devices give are kept to about 100 m."""
PLACE_RADIUS_KM_MAX: Final = 20_037.0
"""Half way around the earth."""
PLACES_LISTED_MAX: Final = 100
"""Countries, regions or cities of one audience."""
PLACE_NAME_CHARS_MAX: Final = 100
"""The longest name of a place in use has 85 letters."""
AREA_VERTICES_MAX: Final = 500
"""Corners of all rings of an area: each pair of sides is looked at once for a crossing, which takes 90 ms at worst."""
AREA_RINGS_MAX: Final = 16
"""Polygons and their holes."""
POSITION_IP_DECIMALS: Final = 1
"""Degrees of a position guessed from an address are kept to 11 km: more digits would claim what nobody knows."""
POSITION_DEVICE_DECIMALS: Final = 3
"""The same for positions that devices give: 110 m."""
POSITION_ASKED_DECIMALS: Final = 7
"""The same for circles and corners that are asked for: 1 cm. Postgres refuses to reckon with much smaller numbers."""
POSITION_ACCURACY_M_MAX: Final = 20_000.0
"""A position that is off by more is none."""

# --- files of places --------------------------------------------------------------------------------------------------
PLACE_FILES_MAX: Final = 4
"""Files that `geo_db` may name: some databases come as one for IPv4 and one for IPv6."""
PLACE_FILE_LOOK_AGAIN_S: Final = 5.0
"""A file that cannot be read is tried again after so long, or when it was written anew."""
PLACE_DOWNLOAD_BYTES_MAX: Final = 512 * 1024**2
"""A packed file of cities has some 60 MiB; what goes on for ever is no such file."""
PLACE_FILE_BYTES_MAX: Final = 1024**3
"""The same unpacked, where it has some 130 MiB."""
PLACE_DOWNLOAD_S: Final = 30.0
"""Silence of the server after which a download is given up."""

# --- geofences --------------------------------------------------------------------------------------------------------
FENCES_PER_APP_MAX: Final = 100
"""Each position that a device posts is held against all of them. iOS watches 20 at once, Android 100."""
FENCE_CORNERS_MAX: Final = 100
"""So that a position takes 2 ms at worst, should all of an app's geofences lie in one place."""
FENCE_RADIUS_KM_MAX: Final = 100.0
FENCE_MARGIN_KM: Final = 0.1
"""A device has left when it is so far outside, or as far as its position may be off: on the edge nothing changes."""
FENCES_KEPT_S: Final = 5.0
"""How long a process goes on with the geofences that it knows of an app."""
FENCE_APPS_KEPT_MAX: Final = 1_000
"""Apps whose geofences a process remembers."""
POSITIONS_EVERY_S: Final = 10.0
"""A device may post a position so often; a phone that is carried about has no need of more."""
POSITIONS_BURST: Final = 6
"""So many at once, when it comes back from a tunnel."""
