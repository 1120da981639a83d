"""One's own account: language, password, second factor, passkeys."""
