"""Who may call what kind of number, and when."""
