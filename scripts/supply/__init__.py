"""What goes into a release, and what it is made of: see docs/releasing.md."""
