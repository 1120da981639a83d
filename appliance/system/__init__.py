"""The machine around Asterisk: its own secrets, certificates, network and firewall."""
