"""Parts of :mod:`sampler.adapterkit.http` and :mod:`sampler.adapterkit.http_server`."""
