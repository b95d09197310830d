"""What meters a running server: its model, its prices, its sources."""
