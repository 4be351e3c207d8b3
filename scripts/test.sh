#!/bin/sh
# All tests, in parts: what may run side by side, what kills processes and therefore runs alone, and what stands on the
# store once more on the system's PostgreSQL, if it has one (of the journeys those that ask the store new questions).
#   test.sh PROCESSES [pytest arguments: then only these, in one part]
set -u

processes=$1
shift
python=.venv/bin/python
status=0
mkdir -p artefacts

part() {
  name=$1
  shift
  echo "== tests: $name"
  "$python" -m pytest --junitxml="artefacts/$name.xml" "$@" || status=1
  "$python" scripts/skipped.py "artefacts/$name.xml" || status=1
}

if [ $# -gt 0 ]; then
  part chosen -n "$processes" --dist loadfile "$@"
else
  postgres=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
  if [ -n "$postgres" ]; then
    STEEPLE_TEST_POSTGRES=$postgres part system-postgres -n "$processes" --dist loadfile \
      tests/store tests/sending tests/delivery tests/coupons tests/journeys/test_promises.py \
      tests/journeys/test_people.py tests/journeys/test_audiences.py tests/journeys/test_audiences_by_place.py \
      tests/journeys/test_segments.py tests/journeys/test_timing.py tests/journeys/test_caps.py \
      tests/journeys/test_offers.py
  fi
  part chaos -n 0 -m "chaos and not nightly"
  part everything-else -n "$processes" --dist loadfile -m "not chaos"
fi
sh scripts/test_deps.sh list
exit $status
