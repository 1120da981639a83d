"""Runs the whole system from a checkout: `make run` and `make stop`.

On the appliance systemd does this; here a small supervisor follows the same table of
processes (`appliance/system/processes.py`), with bare numbers for accounts and everything
it writes below `.run/`.
"""
