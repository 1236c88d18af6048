"""What adapters need beside their format: an HTTP client, an HTTP server.

For adapters of others, too: :mod:`sampler.adapterkit.http` asks an endpoint,
:mod:`sampler.adapterkit.http_server` answers whoever connects. Both speak HTTP/1.1 by way of
``h11``, which is imported with them only, and neither can be held up by a peer.
"""
