"""Unix sockets: who listens, at which file, and who is at the other end."""
