"""The split of active cost between prefill and decode."""
