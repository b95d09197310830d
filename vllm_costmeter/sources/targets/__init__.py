"""The servers that `costmeter exporter` reads: where they are, and how to ask them."""
