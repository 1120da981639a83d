"""The board of telephones: what each should have, what it has, and what to do about it."""
