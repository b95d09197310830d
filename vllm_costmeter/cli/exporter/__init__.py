"""`costmeter exporter`."""
