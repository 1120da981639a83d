"""What the installer and the machine's own console show on a screen of text."""
