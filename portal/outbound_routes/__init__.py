"""Which lines calls to the outside take."""
