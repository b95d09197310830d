"""Single requests that ended: what they cost, and for how long that is known."""
