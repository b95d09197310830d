"""The split of prefill and decode against pure loads."""
