"""MODEL as people write it -> a model."""
