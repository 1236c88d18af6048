"""From a snapshot to an endpoint: encode, queue, send, and keep the ledger."""
