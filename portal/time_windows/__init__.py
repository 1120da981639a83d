"""Hours in which something is allowed."""
