#!/bin/sh
# All tests, in parts: what may run side by side, what kills processes and therefore runs alone, and what stands on the
# store once more on the system's PostgreSQL, if it has one (of the journeys those that ask the store new questions).
#   test.sh PROCESSES [pytest arguments: then only these, in one part]
#
# A few tests that fail beside others run once more, alone: what fails again fails the run. What does not depends on how
# busy the machine was, which is a fault of the test: it is named at the end, and in artefacts/unsteady.txt, to be mended.
set -u

processes=$1
shift
python=.venv/bin/python
status=0
unsteady_max=5
mkdir -p artefacts
export STEEPLE_ARTEFACTS="${STEEPLE_ARTEFACTS:-$PWD/artefacts/pictures}" # what tests drew in browsers, to be looked at
: > artefacts/unsteady.txt

part() {
  name=$1
  shift
  echo "== tests: $name"
  if ! "$python" -m pytest --junitxml="artefacts/$name.xml" "$@"; then
    once_more "$name" || status=1
  fi
  "$python" scripts/skipped.py "artefacts/$name.xml" || status=1
}

once_more() {
  failed="artefacts/$1.failed"
  "$python" scripts/failed.py "artefacts/$1.xml" > "$failed" || return 1
  [ "$(wc -l < "$failed")" -le "$unsteady_max" ] || return 1
  echo "== tests: $1, once more and alone"
  "$python" -m pytest -n 0 "@$failed" || return 1
  cat "$failed" >> artefacts/unsteady.txt
}

if [ $# -gt 0 ]; then
  part chosen -n "$processes" --dist loadfile "$@"
else
  postgres=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
  if [ -n "$postgres" ]; then
    STEEPLE_TEST_POSTGRES=$postgres part system-postgres -n "$processes" --dist loadfile \
      --deselect tests/store/test_embedded.py tests/store tests/sending tests/delivery tests/coupons tests/journeys/test_promises.py \
      tests/journeys/test_people.py tests/journeys/test_audiences.py tests/journeys/test_audiences_by_place.py \
      tests/journeys/test_segments.py \
      tests/journeys/test_offers.py
  fi
  part chaos -n 0 -m "chaos and not nightly"
  part everything-else -n "$processes" --dist loadfile -m "not chaos and not nightly"
fi
sed 's/^/unsteady: failed beside others, passed alone: /' artefacts/unsteady.txt
sh scripts/test_deps.sh list
exit $status
