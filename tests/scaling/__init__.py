"""Ten thousand hosts, as far as one machine can have them."""
