"""Who reaches what on the machine."""
