"""Tools for writing an adapter, beside the interface itself, which is in :mod:`sampler.agent`.

Rendering snapshots:

- :mod:`~sampler.adapterkit.render_cache`: keeps the names that you make of series, from pull to
  pull, and refuses series whose names collide.
- :mod:`~sampler.adapterkit.kept_blocks`: keeps what you wrote for each value, likewise, and finds
  the values that are new.
- :mod:`~sampler.adapterkit.part_names`: one name to keep for all parts of a histogram.
- :mod:`~sampler.adapterkit.packing`: packs the bytes of whole entries into batches.
- :mod:`~sampler.adapterkit.halving`: halves of what is refused or too large.
- :mod:`~sampler.adapterkit.families`: entries by metric.
- :mod:`~sampler.adapterkit.identity_labels`: labels that name who measures.
- :mod:`~sampler.adapterkit.prometheus_names`: names as Prometheus has them.
- :mod:`~sampler.adapterkit.protobuf`: messages of Protocol Buffers as bytes.
- :mod:`~sampler.adapterkit.exponential`: exponential histograms by bucket index.
- :mod:`~sampler.adapterkit.dotted_paths`: safe dotted paths, and prefix templates.
- :mod:`~sampler.adapterkit.shared_bounds`: buckets of exponential histograms, alike in all
  processes.

Sending:

- :mod:`~sampler.adapterkit.http`: an HTTP client.
- :mod:`~sampler.adapterkit.http_options`: its keys: credentials, header fields, certificates,
  proxy.
- :mod:`~sampler.adapterkit.http_push`: posts batches, and says what replies mean.
- :mod:`~sampler.adapterkit.line_file`: lines of a file that others rotate.
- :mod:`~sampler.adapterkit.retry_after`: reads the header ``Retry-After``.
- :mod:`~sampler.adapterkit.tcp`: one batch per connection, confirmed by the peer.
- :mod:`~sampler.adapterkit.udp`: datagrams.
- :mod:`~sampler.adapterkit.endpoint`: a destination, and what errors call it.
- :mod:`~sampler.adapterkit.dns`: host names to addresses, within a time limit.
- :mod:`~sampler.adapterkit.deadline`: seconds that are left until a deadline.

Being asked, as by Prometheus:

- :mod:`~sampler.adapterkit.http_server`: an HTTP server for a few pages.

Beneath these, unaffected by the monkey patches of gevent and eventlet:

- :mod:`~sampler.adapterkit.sockets`: sockets and ``getaddrinfo``.
- :mod:`~sampler.adapterkit.tls`: TLS over these sockets.
- :mod:`~sampler.adapterkit.tls_files`: TLS contexts from an operator's PEM files.
- :mod:`~sampler.adapterkit.threads`: threads, locks, events and selectors.

Each takes a deadline or a timeout, and no peer can make it wait longer. The HTTP modules need
``h11``, and only they import it. Import from the modules above; names with a leading underscore
may change at any time.
"""
