"""`costmeter top`."""
