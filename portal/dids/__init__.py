"""The outside numbers of the company."""
