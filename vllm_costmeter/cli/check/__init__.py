"""`costmeter check`: from a command line or files to deployments, their check and the output."""
