"""How the active cost is divided between prefill and decode."""
