"""Say here what it is for."""
