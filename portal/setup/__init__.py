"""The very first page: the one-time code and the first account."""
