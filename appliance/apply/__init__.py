"""From a desired state to the running machine and back: plan, stage, switch, roll back.

One root process does this behind a Unix socket. It takes states, never file texts.
"""
