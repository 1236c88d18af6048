#!/bin/bash
# Install the real servers the tests read back from: carbon-cache and Prometheus from Debian (as
# root), statsd from npm into .servers of this repository. What is present is left alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
PATH=$PATH:/usr/sbin:/usr/bin

missing=()
command -v carbon-cache > /dev/null || missing+=(graphite-carbon)
command -v prometheus > /dev/null || missing+=(prometheus)
if (( ${#missing[@]} )); then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

if [[ ! -f .servers/node_modules/statsd/stats.js ]]; then
    mkdir -p .servers
    npm install --prefix .servers --omit=optional --no-package-lock --no-audit --no-fund \
        --loglevel=error statsd@0.9.0
fi

printf 'servers: %s, %s, statsd %s\n' "$(command -v carbon-cache)" "$(command -v prometheus)" \
    "$(node -p "require('./.servers/node_modules/statsd/package.json').version")"
