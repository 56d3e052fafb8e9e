#!/bin/sh
# Make the virtual environment with the standard library alone and put the pinned uv into it.
# Usage: make_venv.sh FOLDER UV_VERSION
set -eu
venv=$1
uv_version=$2

fits() {
    "$1" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, '"$2"'))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        fits "$PYTHON" 99 && echo "$PYTHON" && return
        return 1
    fi
    # The versions that all packages have binaries for come first; then any newer one.
    for newest in 13 99; do
        for name in python3 python python3.13 python3.12 python3.11 python3.14; do
            if command -v "$name" >/dev/null 2>&1 && fits "$name" "$newest"; then
                echo "$name"
                return
            fi
        done
    done
    return 1
}

if [ ! -x "$venv/bin/python" ]; then
    if ! python=$(find_python); then
        echo "Python 3.11 or newer was not found. Install it, or name it: make up PYTHON=/path/to/python3.12" >&2
        exit 1
    fi
    echo "Making $venv with $("$python" --version)"
    if ! "$python" -m venv "$venv" >/dev/null; then
        rm -rf "$venv"
        echo "Python's module venv is not complete. On Debian and Ubuntu: apt install python3-venv" >&2
        exit 1
    fi
fi
if [ "$("$venv/bin/uv" --version 2>/dev/null | cut -d' ' -f2)" != "$uv_version" ]; then
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
fi
