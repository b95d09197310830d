"""Settings of the meter."""
