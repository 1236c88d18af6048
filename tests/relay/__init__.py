"""The relay: its wire, its sums, its processes."""
