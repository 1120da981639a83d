"""Builds what an installer downloads, from one root file system.

`python -m tools.image --help`. It needs root and chroot, but neither loop devices nor
mounts of images: every file system is written into its file from outside.

packages, wheels ──> root folder ──roles──> squashfs ─┬─> raw, qcow2
                                                      ├─> VMDK, OVA
                                                      └─> installer ISO
"""
