#!/bin/sh
# Make the virtual environment with the standard library alone and put the pinned uv into it.
# Usage: make_venv.sh FOLDER UV_VERSION
set -eu
venv=$1
uv_version=$2
own_python=3.13

fits() {
    "$1" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, '"$2"'))' >/dev/null 2>&1
}

# An older SQLite can lose a database that several processes write. Linux on x86-64 gets a newer one as a package;
# elsewhere it is Python's own that counts.
has_sqlite() {
    [ -n "${DATABASE_URL:-}" ] || [ "$(uname -sm)" = "Linux x86_64" ] ||
        "$1" -c 'import sqlite3; raise SystemExit(sqlite3.sqlite_version_info < (3, 51, 3))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        fits "$PYTHON" 99 && echo "$PYTHON" && return
        return 1
    fi
    # The versions that all packages have binaries for come first; then any newer one.
    for wanted in has_sqlite :; do
        for newest in 13 99; do
            for name in python3 python python3.13 python3.12 python3.11 python3.14; do
                if command -v "$name" >/dev/null 2>&1 && fits "$name" "$newest" && $wanted "$name"; then
                    echo "$name"
                    return
                fi
            done
        done
    done
    return 1
}

make_venv() {
    if ! "$1" -m venv "$2" >/dev/null; then
        rm -rf "$2"
        echo "Python's module venv is not complete. On Debian and Ubuntu: apt install python3-venv" >&2
        exit 1
    fi
}

put_uv() {
    if [ "$("$1/bin/uv" --version 2>/dev/null | cut -d' ' -f2)" != "$uv_version" ]; then
        "$1/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
    fi
}

# A whole Python with a newer SQLite, checked by its digest, as uv brings it. Prints where it is.
fetch_python() {
    make_venv "$1" .tools/uv
    put_uv .tools/uv
    export UV_PYTHON_INSTALL_DIR="$PWD/.tools/python" UV_PYTHON_DOWNLOADS=manual UV_MANAGED_PYTHON=1
    unset UV_PYTHON UV_PROJECT_ENVIRONMENT
    .tools/uv/bin/uv python install --no-bin "$own_python" && .tools/uv/bin/uv python find "$own_python"
}

if [ ! -x "$venv/bin/python" ]; then
    if ! python=$(find_python); then
        echo "Python 3.11 or newer was not found. Install it, or name it: make up PYTHON=/path/to/python3.12" >&2
        exit 1
    fi
    if [ -z "${PYTHON:-}" ] && ! has_sqlite "$python"; then
        echo "The SQLite of $("$python" --version) is older than 3.51.3; taking a Python with a newer one."
        if ! newer=$(fetch_python "$python") || ! has_sqlite "$newer"; then
            echo "That failed. Name a Python with SQLite 3.51.3 or newer: make up PYTHON=/path/to/python3.13" >&2
            echo "Or set DATABASE_URL to a PostgreSQL database." >&2
            exit 1
        fi
        python=$newer
    fi
    echo "Making $venv with $("$python" --version)"
    make_venv "$python" "$venv"
fi
put_uv "$venv"
