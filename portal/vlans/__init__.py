"""Networks that share a cable."""
