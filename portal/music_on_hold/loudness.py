"""How loud a piece is to the ear: EBU R 128 (ITU-R BS.1770), by libebur128.

A call that is put on hold shall not become louder or softer, whatever was uploaded.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterable
from dataclasses import dataclass

LIBRARY = "libebur128.so.1"
_INTEGRATED, _SAMPLE_PEAK = 5, 17  # EBUR128_MODE_I, EBUR128_MODE_SAMPLE_PEAK of ebur128.h
_FLOAT = 4
"""Bytes of one sample."""


@dataclass(frozen=True, slots=True)
class Loudness:
    """`integrated` in LUFS, -inf for silence; `peak` in dB below full scale."""

    integrated: float
    peak: float


def measured(blocks: Iterable[bytes], rate: int) -> Loudness:
    """The loudness of one channel of 32-bit float samples; OSError without the library."""
    library = _library()
    state = library.ebur128_init(1, rate, _INTEGRATED | _SAMPLE_PEAK)
    if not state:
        raise MemoryError
    held = ctypes.c_void_p(state)
    try:
        for block in blocks:
            library.ebur128_add_frames_float(held, block, len(block) // _FLOAT)
        loudness, peak = ctypes.c_double(), ctypes.c_double()
        library.ebur128_loudness_global(held, ctypes.byref(loudness))
        library.ebur128_sample_peak(held, 0, ctypes.byref(peak))
    finally:
        library.ebur128_destroy(ctypes.byref(held))
    decibels = 20 * math.log10(peak.value) if peak.value > 0 else -math.inf
    return Loudness(loudness.value, decibels)


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(LIBRARY)
    library.ebur128_init.restype = ctypes.c_void_p
    library.ebur128_init.argtypes = (ctypes.c_uint, ctypes.c_ulong, ctypes.c_int)
    library.ebur128_add_frames_float.argtypes = (
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_size_t,
    )
    library.ebur128_loudness_global.argtypes = (ctypes.c_void_p, ctypes.POINTER(ctypes.c_double))
    library.ebur128_sample_peak.argtypes = (
        ctypes.c_void_p,
        ctypes.c_uint,
        ctypes.POINTER(ctypes.c_double),
    )
    library.ebur128_destroy.argtypes = (ctypes.POINTER(ctypes.c_void_p),)
    library.ebur128_destroy.restype = None
    return library
