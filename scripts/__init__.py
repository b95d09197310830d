"""The project's own tools, a room for each purpose; from the root of the repository: `python -m scripts.ROOM.NAME`."""
