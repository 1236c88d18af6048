"""The spool: what waits for an endpoint, on disk as well."""
