"""Reading ledgers."""
