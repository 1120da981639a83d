"""The live hub: what Asterisk does right now, told to every browser that may know it.

It lives among the call apps because it is one of them in all but the interface: a
process of its own that follows Asterisk's events with a machine that has no I/O.
"""
