"""The commands about prices: wiring only."""
