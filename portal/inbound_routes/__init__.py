"""Where calls from outside go."""
