"""Freed memory is kept for the next batch: having the kernel clear it anew costs a third of the time."""

from __future__ import annotations

import ctypes
from typing import Final

KEPT_BYTES: Final = 64 << 20
"""More than the arrays of two batches."""

# Parameters of glibc's mallopt(3).
_M_TRIM_THRESHOLD: Final = -1
_M_TOP_PAD: Final = -2
_M_MMAP_THRESHOLD: Final = -3
_TOP_PAD_BYTES: Final = 4 << 20
_MOST_MMAP_BYTES: Final = 32 << 20


def keep_freed_memory() -> bool:
    """Tell the C library to keep up to 64 MiB of freed memory; False where it cannot be told (not glibc)."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = {
        _M_TRIM_THRESHOLD: KEPT_BYTES,
        _M_TOP_PAD: _TOP_PAD_BYTES,
        _M_MMAP_THRESHOLD: _MOST_MMAP_BYTES,
    }
    return all(mallopt(name, size) == 1 for name, size in wanted.items())
