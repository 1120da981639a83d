"""The services of the telephone system, one module each, and their registry.

A service module has a docstring, `State` classes of which one is named `State`, and
four verbs:

- `references(state)` yields what other services may point at,
- `check(state, references)` yields the faults that no single form can see,
- `files(state, references, machine)` yields the files that follow from the state,
- `probes(state, references)` yields the questions whose answers prove that it runs.

Services do not import each other; they meet in `References` only.
"""
