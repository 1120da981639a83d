"""The server that phones fetch their configuration from."""
