"""Energy use and its cost."""
