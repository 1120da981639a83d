"""Services: how the machine's processes are, starting them again, and what they have said."""
