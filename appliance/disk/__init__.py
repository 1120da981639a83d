"""The appliance's disk: partitions, boot loader and the two slots of the system.

Used by three programs that must agree to the byte: the image builder, the installer on
its medium, and the update. Standard library alone, for it also runs before anything else.
"""
