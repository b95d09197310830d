"""The metric table over OpenTelemetry's protocol."""
