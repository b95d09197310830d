"""What the live page shows: its history and its pace."""
