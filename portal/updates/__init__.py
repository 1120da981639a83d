"""The system's own version: updates taken in, checked, installed and tried."""
