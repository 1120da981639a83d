"""The desired state: field types, the state of the whole system, its JSON form.

Generic on purpose: no service is imported here. `appliance.services` joins the
services' own State classes to what this package offers.
"""
