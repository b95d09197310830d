"""Models that no command uses yet, with the measurements they were compared with."""
