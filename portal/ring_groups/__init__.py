"""Ring groups: one number for several extensions."""
