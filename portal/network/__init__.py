"""The machine's network: its name, what it has, and what its owner wants."""
