"""Changes: what the draft would do, applying it, keeping it or taking it back, history."""
