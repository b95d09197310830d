"""A CSV file that says how busy servers were."""
