"""Minutes of load through one agent to three real servers, with a fault every few seconds."""
