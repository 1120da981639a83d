"""The machine's first start and its own console: where it learns who it is.

Answers come from the kernel's line, a virtual machine's host, a seed disk or the
installer, the first that knows one; what nobody answers is settled by DHCP and chance.
Everything secret is made here, on the machine itself, or by the engine after it.
"""
