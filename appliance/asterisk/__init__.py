"""Asterisk as seen from outside: names of its objects, its console, its processes, AMI."""
