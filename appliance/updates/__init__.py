"""Updates: a signed bundle, written into the slot that does not run, tried once and kept.

`bundle` is the file and its signature, `rules` what may follow what, `slot_disk` the disk,
`install` the writing, `snapshot` the data as they were before, `trial` the two ends of a
trial, `worker` the one process that may do all of it. `desk` is how the engine asks it.
"""
