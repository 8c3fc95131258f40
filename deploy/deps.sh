#!/bin/sh
# Installs what Atelier needs on this machine and is missing; `make deps`.
#
#   deploy/deps.sh          what `make run` needs
#   deploy/deps.sh --test   also what `make test` needs
#
# Prints exactly what it installs, and nothing when all is there. Nothing is configured: Debian's
# postgresql package creates and starts a cluster of its own on port 5432 and redis-server one on
# 6379; Atelier leaves both alone and runs private ones.
set -eu

with_tests=no
case "${1-}" in
  '') ;;
  --test) with_tests=yes ;;
  *) echo "usage: $0 [--test]" >&2; exit 2 ;;
esac

cd "$(dirname "$0")/.."

have() { command -v "$1" >/dev/null 2>&1; }

# Rust comes from rustup and belongs to the user, so it is asked for and not installed.
require_rust() {
  needed=$(sed -n 's/^rust-version = "\([0-9.]*\)".*/\1/p' Cargo.toml)
  if ! have cargo; then
    echo "deps: Rust is missing: install $needed or newer from https://rustup.rs. If you just did, open a new shell." >&2
    exit 1
  fi
  found=$(cargo --version | cut -d ' ' -f 2)
  if [ "$(number "$found")" -lt "$(number "$needed")" ]; then
    echo "deps: Rust $needed or newer is needed, and $(command -v cargo) is ${found:-of no version}. Update it with: rustup update (https://rustup.rs)" >&2
    exit 1
  fi
  if [ $with_tests = yes ] && ! { cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1; then
    echo "deps: the tests need rustfmt and clippy: rustup component add rustfmt clippy" >&2
    exit 1
  fi
}

# 1095 for 1.95 and for 1.95.0-nightly.
number() { echo "$1" | awk -F. '{ print $1 * 1000 + $2 }'; }

have_postgres() {
  if [ -n "${PG_BIN-}" ]; then [ -x "$PG_BIN/initdb" ]; return; fi
  for initdb in /usr/lib/postgresql/*/bin/initdb /opt/homebrew/opt/postgresql*/bin/initdb \
    /usr/local/opt/postgresql*/bin/initdb; do
    if [ -x "$initdb" ]; then return 0; fi
  done
  have initdb
}

have_redis() { have valkey-server || have redis-server; }

have_node() {
  have node && have npm || return 1
  major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
  [ "$major" -ge 18 ]
}

have_browser() {
  [ -n "${CHROMIUM_PATH-}" ] || have chromium || have chromium-browser || have google-chrome ||
    [ -d '/Applications/Google Chrome.app' ] || [ -d /Applications/Chromium.app ]
}

# What is missing, in the names of the package manager given as the first argument.
missing() {
  have_postgres || case $1 in apt) echo postgresql ;; brew) echo postgresql@17 ;; esac
  have_redis || case $1 in apt) redis_package ;; brew) echo valkey ;; esac
  if [ "$1" = apt ]; then
    [ -e /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
    { have cc && have make; } || echo build-essential
  fi
  if [ $with_tests = yes ]; then
    have_node || case $1 in apt) node_packages ;; brew) echo node ;; esac
    have python3 || case $1 in apt) echo python3 ;; brew) echo python ;; esac
    # The lines of docs/FIRST-STEPS.md, which the tests run.
    have curl || echo curl
    have jq || echo jq
    # The tests look at the command lines of the servers, and signal them.
    { have ps && have kill; } || echo procps
    # Homebrew's chromium is not signed, so macOS refuses to open it.
    have_browser || case $1 in apt) browser_packages ;; brew) echo --cask google-chrome ;; esac
  fi
}

# Valkey where the distribution has it (Debian 13, Ubuntu 24.04), else Redis.
redis_package() {
  if apt-cache show valkey-server >/dev/null 2>&1; then echo valkey-server; else echo redis-server; fi
}

# NodeSource's package, where that repository is set up, holds npm and conflicts with Debian's.
node_packages() {
  case $(apt-cache policy nodejs 2>/dev/null) in
    *Candidate:*nodesource*) echo nodejs ;;
    *) echo nodejs npm ;;
  esac
}

# Without any font a page is a page of blanks, and chromium only recommends them. Ubuntu has Chromium
# only as a snap, so there it is asked for.
browser_packages() { grep -qs '^ID=ubuntu' /etc/os-release || echo chromium fonts-liberation; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Says what to do where this user may not install: exits.
ask_for() {
  echo "deps: missing: $packages" >&2
  echo "deps: $1. Have an administrator run this, then try again:" >&2
  echo "  apt-get update && apt-get install -y --no-install-recommends $packages" >&2
  exit 1
}

install_with_apt() {
  list_packages
  if [ -z "$packages" ]; then return; fi
  if [ "$(id -u)" != 0 ]; then
    have sudo || ask_for "this user is not root, and sudo is not installed"
    echo "deps: to install with apt-get: $packages (sudo may ask for your password)"
    # Not `sudo -v`: that wants a password where only some of the user's rules need one.
    sudo true || ask_for "this user may not use sudo"
  fi
  # On a fresh machine the lists are empty, and which Redis there is stands in them. One broken
  # repository among others fails the update, and need not matter here.
  as_root apt-get update -qq || echo "deps: apt-get update failed; going on with the package lists there are" >&2
  list_packages
  echo "deps: installing with apt-get: $packages"
  # shellcheck disable=SC2086 # a list of words
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >&2 || {
    echo "deps: apt-get could not install: $packages" >&2
    exit 1
  }
}

list_packages() { packages=$(missing apt | tr '\n' ' ' | sed 's/ $//'); }

install_with_brew() {
  packages=$(missing brew)
  if [ -z "$packages" ]; then return; fi
  if ! have brew; then
    echo "deps: missing: $(echo "$packages" | tr '\n' ' '). Install Homebrew (https://brew.sh) and run this again." >&2
    exit 1
  fi
  # Line by line: a cask has an option of its own.
  echo "$packages" | while read -r line; do
    echo "deps: installing with brew: $line"
    # Without its own input brew would read the rest of the list.
    # shellcheck disable=SC2086 # a list of words
    brew install $line >&2 </dev/null
  done
}

require_rust
if have apt-get; then
  install_with_apt
elif [ "$(uname -s)" = Darwin ]; then
  install_with_brew
fi

# Whatever the way, say by name what is still not there.
absent=''
have_postgres || absent="$absent PostgreSQL (initdb, postgres);"
have_redis || absent="$absent Valkey or Redis;"
have cc || absent="$absent a C compiler (cc);"
if [ $with_tests = yes ]; then
  have_node || absent="$absent Node.js 18 or later with npm;"
  have python3 || absent="$absent Python 3;"
  { have curl && have jq && have ps; } || absent="$absent curl, jq and ps;"
  have_browser || absent="$absent Chromium or Google Chrome (or set CHROMIUM_PATH);"
fi
if [ -n "$absent" ]; then
  echo "deps: still missing:${absent%;}. Install them with your package manager." >&2
  exit 1
fi
