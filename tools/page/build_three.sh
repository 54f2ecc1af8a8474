#!/usr/bin/env bash
# Builds src/hiface/view/page/three.min.js from the npm registry's three: one script that defines THREE, no network use.
# Needs Node.js and npm; run it again only to take a newer three, and look at the page afterwards.
set -euo pipefail
THREE=0.187.0
ESBUILD=0.28.2
here="$(cd "$(dirname "$0")" && pwd)"
out="$here/../../src/hiface/view/page/three.min.js"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cp "$here/three_entry.js" "$work/"
cd "$work"
npm init -y >/dev/null
npm install --no-audit --no-fund "three@$THREE" "esbuild@$ESBUILD"
node_modules/.bin/esbuild three_entry.js --bundle --minify --format=iife --global-name=THREE --target=es2021 \
    --legal-comments=eof --outfile="$out"
ls -l "$out"
