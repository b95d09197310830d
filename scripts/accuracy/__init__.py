"""Compare predictions with logs of real servers and published measurements."""
