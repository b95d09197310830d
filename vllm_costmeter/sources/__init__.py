"""Read the world, return core values."""
