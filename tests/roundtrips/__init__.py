"""There and back: what a sampler yields, through an adapter, a peer, and a bridge."""
