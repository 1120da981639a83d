"""The mail server that takes what this machine sends."""
