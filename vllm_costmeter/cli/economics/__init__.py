"""The commands about prices and cost: parse, call, print."""
