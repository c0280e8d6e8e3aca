#!/bin/sh
# Makes the virtual environment .venv and installs Undersong into it, editable, at the versions of
# constraints.txt. Does nothing when that has been done already. `make setup` runs it; portable sh.
#
#   PYTHON=/usr/bin/python3.12   use this Python (default: the first that works of those below)
#   TORCH_INDEX=URL              another index to look for torch in, such as that of its CPU wheels
set -eu
cd "$(dirname "$0")/.."

venv=.venv
stamp=$venv/.installed

say() { printf 'setup: %s\n' "$*"; }
die() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

# The version is asked of the interpreter itself: a name on the PATH may be a shim with nothing behind it.
fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; }
makes_venvs() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

# An environment that was copied or moved still installs into, and starts from, the folder it was made in.
is_whole() {
    fits $venv/bin/python && $venv/bin/python - "$PWD/$venv" >/dev/null 2>&1 <<'PY'
import os, sys
import pip
sys.exit(not os.path.samefile(sys.prefix, sys.argv[1]))
PY
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        fits "$PYTHON" || die "PYTHON=$PYTHON is not a working Python 3.11, 3.12 or 3.13."
        makes_venvs "$PYTHON" || die "PYTHON=$PYTHON cannot make virtual environments (no ensurepip)."
        python=$PYTHON
        return
    fi
    crippled=
    # Oldest first: constraints.txt was tested on 3.11, and a wheel of torch for the CPU alone may be
    # at hand for it and not yet for a later one.
    for candidate in python3.11 python3.12 python3.13 python3 python; do
        fits "$candidate" || continue
        if makes_venvs "$candidate"; then
            python=$candidate
            return
        fi
        crippled=${crippled:-$candidate}
    done
    [ -z "$crippled" ] || die "$crippled cannot make virtual environments." \
        "On Debian and Ubuntu type: sudo apt-get install python3-venv    then make setup again."
    die "no working Python 3.11, 3.12 or 3.13 was found on the PATH." \
        "Debian, Ubuntu: sudo apt-get install python3 python3-venv    macOS: brew install python@3.13" \
        "Or name one: make setup PYTHON=/path/to/python3.12"
}

wanted() { cat pyproject.toml constraints.txt tools/setup.sh | cksum; }

if is_whole; then
    [ ! -x $venv/bin/undersong ] || [ "$(cat $stamp 2>/dev/null)" != "$(wanted)" ] || exit 0
else
    find_python
    say "making $venv with $python ($("$python" --version 2>&1))"
    "$python" -m venv --clear $venv || die "$python could not make $venv; see above."
fi

if [ "$(uname -s)" = Linux ] && [ -z "${TORCH_INDEX:-}" ] && ! command -v nvidia-smi >/dev/null 2>&1; then
    say "no NVIDIA GPU here; if pip now fetches gigabytes of nvidia-* packages, stop it and type"
    say "    make setup TORCH_INDEX=https://download.pytorch.org/whl/cpu"
fi
say "installing the packages of constraints.txt into $venv (minutes, the first time)"
quiet=
[ -t 1 ] || quiet=--quiet
rm -f $stamp
PIP_DISABLE_PIP_VERSION_CHECK=1 $venv/bin/python -m pip install $quiet \
    ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} \
    --constraint constraints.txt --editable '.[hub,treebanks,dev]' ||
    die "pip could not install the packages; see above. make setup goes on where it stopped."
wanted >$stamp
say "done: $venv/bin/undersong"
