"""Models that no command uses yet, with what they were measured against."""
