"""Take core values, write the world."""
