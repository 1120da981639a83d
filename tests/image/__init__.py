"""The images: built once, looked into, started on emulated machines, installed from the medium.

CENTRALINO_TEST_IMAGES names a folder in which builds stay from one run to the next, for
developers who look at one thing again and again; without it each run builds its own.
"""
