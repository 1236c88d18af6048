#!/bin/bash
# A script from before: it counts rows with StatsD. $1: how many.
tell() { printf '%s' "$1" > "/dev/udp/127.0.0.1/${STATSD_PORT:-8126}"; }

for ((row = 1; row <= $1; row++)); do
    tell "nightly.rows:1|c"
    tell "nightly.row:$((row * 10 - 7))|ms"
done
tell "nightly.mails:1|c|@0.5|#queue:invoices"
tell "nightly.last:$row|g"
