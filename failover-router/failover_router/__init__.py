"""The agent of a branch router, and the echo service that its probes ask.

The standard library alone: the router has Python and no package of ours.
"""
