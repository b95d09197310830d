"""`costmeter check`: words of a command line or files -> deployments to judge."""
