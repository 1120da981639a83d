"""The images: built once, looked into, started on emulated machines, installed from the medium.

CENTRALINO_TEST_IMAGES names a folder with a finished build (its `build` and `dist`), for
developers who look at one thing again and again; without it the images are built.
"""
