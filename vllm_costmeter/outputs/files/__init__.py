"""Writing files all or none, never over others."""
