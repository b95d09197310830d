"""Vision and audio towers, and their projectors."""
