"""Telephones that configure themselves: which models exist and what each is served.

`catalogue` knows the models, `identify` tells which phone asks, `phones` gathers what a
phone must know from the desired state, `render` writes it in the vendor's format, and
`server` hands it out. Each vendor is one folder: a module with its grammar, one data
file per model, one template per family.
"""
