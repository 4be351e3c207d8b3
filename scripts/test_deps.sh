#!/bin/sh
# What the tests need beyond Python.
#   test_deps.sh list      names each missing thing and the line that installs it
#   test_deps.sh install   installs what is missing (root), or prints the line (everybody else)
set -eu

has() { command -v "$1" >/dev/null 2>&1; }
has_libnotify() { ls /usr/lib/*/libnotify.so.4 /usr/lib64/libnotify.so.4 2>/dev/null | grep -q .; }
has_postgres() { ls /usr/lib/postgresql/*/bin/postgres 2>/dev/null | grep -q . || has postgres; }
has_nginx() { has nginx || [ -x /usr/sbin/nginx ]; }

# package, what it is for, and how to see that it is there
missing() {
  has firefox-esr || has firefox || echo "firefox-esr|the tests that drive Firefox"
  has chromium || has chromium-browser || has google-chrome || echo "chromium|the tests that drive Chromium"
  has_libnotify || echo "libnotify4|Firefox, to show a notification"
  has dbus-daemon || echo "dbus|the notification daemon of the browser tests"
  has_postgres || echo "postgresql|the tests on a PostgreSQL of the system"
  has_nginx || echo "nginx-light|the tests behind a reverse proxy, and of the HTTP/2 client"
  has javac || echo "default-jdk-headless|the tests of the Java client"
  has nghttpd || [ -x /usr/sbin/nghttpd ] || echo "nghttp2-server|the tests of the HTTP/2 client"
}

# The browser SDK's bundler and axe-core, by npm, on the Node.js that the virtual environment brings along.
has_sdk_tools() { .venv/bin/python scripts/node.py tools --check; }

# The peers of the benchmarks that the extra `test` does not bring: Go and Firebase's own library.
has_peers() { [ -x .venv/bin/go ] && .venv/bin/python -c 'import firebase_admin' 2>/dev/null; }

list() {
  missing | while IFS='|' read -r package purpose; do
    echo "missing: $purpose; install with: apt-get install $package"
  done
  has_peers || echo "missing: the peers that the benchmarks are tested with; install with: make test-deps"
  has_sdk_tools || echo "missing: what builds the browser SDK and tests that everybody can use it; install with: make test-deps"
}

install() {
  status=0
  install_packages || status=1
  .venv/bin/python scripts/node.py tools || status=1
  has_peers || PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 \
    .venv/bin/python -m pip install --quiet -c constraints.txt -e ".[test,bench]" || status=1
  return $status
}

install_packages() {
  packages=$(missing | cut -d'|' -f1 | tr '\n' ' ')
  [ -n "$packages" ] || return 0
  if ! has apt-get || [ "$(id -u)" != 0 ]; then
    echo "Run as root: apt-get update && apt-get install --no-install-recommends $packages"
    [ "${CI:-}" != true ] # a run of CI that cannot install must not pass for one that could
    return
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # shellcheck disable=SC2086 # a list of package names
  apt-get install -y -qq --no-install-recommends $packages
  left=$(missing)
  [ -z "$left" ] || { echo "Still missing after installing: $left" >&2; return 1; }
}

case "${1:-}" in
  list) list ;;
  install) install ;;
  *) echo "usage: test_deps.sh list|install" >&2; exit 2 ;;
esac
