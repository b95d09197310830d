"""What the meter and the check cost."""
