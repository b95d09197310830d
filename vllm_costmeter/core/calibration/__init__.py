"""What servers measured when they started, and what later checks learn from it."""
