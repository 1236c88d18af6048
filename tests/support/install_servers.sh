#!/bin/bash
# Install the real servers the tests read back from: carbon-cache, graphite-web, carbon-c-relay,
# Prometheus, Pushgateway, node_exporter and InfluxDB from Debian (as root), statsd from npm into .servers of this
# repository; Apache, uWSGI and Redis, whose processes tests/processes lives; haproxy, which judges docs/web.md; nginx, PostgreSQL,
# PgBouncer and the newest mod_wsgi, which tests/samplers/servers read; newer Prometheus and
# VictoriaMetrics, to which adapters write; tmux, a terminal; systemd and zsh, which
# judge units and completions; Chromium, and axe from npm, for tests/page/browser; and what the faults of the
# network itself need. What is present is left alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
PATH=$PATH:/usr/sbin:/usr/bin

missing=()
command -v carbon-cache > /dev/null || missing+=(graphite-carbon)
command -v carbon-c-relay > /dev/null || missing+=(carbon-c-relay)
/usr/bin/python3 -c 'import graphite, gunicorn' 2> /dev/null || missing+=(graphite-web gunicorn)
command -v stunnel4 > /dev/null || missing+=(stunnel4)
command -v prometheus > /dev/null || missing+=(prometheus)
command -v prometheus-pushgateway > /dev/null || missing+=(prometheus-pushgateway)
command -v influxd > /dev/null || missing+=(influxdb)
command -v prometheus-node-exporter > /dev/null || missing+=(prometheus-node-exporter)
command -v apache2 > /dev/null || missing+=(apache2-bin libapache2-mod-wsgi-py3)
command -v uwsgi-core > /dev/null || missing+=(uwsgi-core uwsgi-plugin-python3)
command -v tmux > /dev/null || missing+=(tmux)
command -v redis-server > /dev/null || missing+=(redis-server)
command -v nginx > /dev/null || missing+=(nginx-light)
command -v haproxy > /dev/null || missing+=(haproxy)
command -v pgbouncer > /dev/null || missing+=(pgbouncer)
compgen -G "/usr/lib/postgresql/*/bin/postgres" > /dev/null || missing+=(postgresql)
command -v apxs > /dev/null || missing+=(apache2-dev python3-dev python3-venv)  # mod_wsgi is compiled
command -v gcc > /dev/null || missing+=(gcc libc6-dev)  # uWSGI is compiled
command -v systemd-analyze > /dev/null || missing+=(systemd)
command -v zsh > /dev/null || missing+=(zsh)
command -v iptables > /dev/null || missing+=(iptables)
command -v ip > /dev/null || missing+=(iproute2)
command -v chromium > /dev/null || missing+=(chromium fonts-dejavu-core)  # tests/page/browser looks with it
[[ -d /usr/share/fonts/opentype/inter ]] || missing+=(fonts-inter)  # of the pictures in docs/pictures
if (( ${#missing[@]} )); then
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1  # what is installed is not started
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

if [[ ! -f .servers/node_modules/statsd/stats.js ]]; then
    mkdir -p .servers
    npm install --prefix .servers --omit=optional --no-package-lock --no-audit --no-fund \
        --loglevel=error statsd@0.9.0
fi

if [[ ! -f .servers/node_modules/axe-core/axe.min.js ]]; then
    npm install --prefix .servers --omit=optional --no-package-lock --no-audit --no-fund \
        --loglevel=error axe-core@4.14.1
fi

if ! compgen -G ".servers/mod_wsgi/lib/python3*/site-packages/mod_wsgi/server/*.so" > /dev/null; then
    # For Debian's Python: Apache's user cannot read others everywhere.
    /usr/bin/python3 -m venv .servers/mod_wsgi
    .servers/mod_wsgi/bin/pip install -q --disable-pip-version-check 'mod_wsgi>=6'
    chmod -R a+rX .servers/mod_wsgi
fi

# Prometheus 3 and a VictoriaMetrics that takes OTLP: unpacked, as nothing is to be newer than the machine.
tests/support/debian_unstable.sh .servers/unstable prometheus victoria-metrics

printf 'servers: %s, %s, statsd %s\n' "$(command -v carbon-cache)" "$(command -v prometheus)" \
    "$(node -p "require('./.servers/node_modules/statsd/package.json').version")"
