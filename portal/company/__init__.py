"""The company as a whole."""
