"""Writing the ledger."""
