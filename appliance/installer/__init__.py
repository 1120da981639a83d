"""The installer on the medium: a disk, a password and an address, or none of it by a seed."""
