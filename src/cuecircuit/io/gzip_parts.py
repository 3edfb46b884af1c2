"""One gzip member (RFC 1952) packed in parts by several workers, its check sum put together from those of the parts.

A part ends with a flush that forgets what came before (zlib's Z_FULL_FLUSH), so that parts are packed alone and lie one
after another. The check sum of A followed by B is crc(A)·x^(8·|B|) + crc(B), polynomials over two elements modulo
CRC-32's (Adler's crc32_combine in zlib).
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

# deflate, no name, no time, unknown system
GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_POLYNOMIAL = 0xEDB88320
_ONE = 1 << 31

# check sum and length of a part before it was packed
Sum = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """Deflated blocks, and the sum of what is in them."""

    content: bytes
    sum: Sum


def pack(content: bytes) -> Packed:
    """Deflate bytes as blocks of their own; level 1 as nibabel: noise gets no smaller with more."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    blocks = packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH)
    return Packed(content=blocks, sum=(zlib.crc32(content), len(content)))


def gzip_end(sums: Sequence[Sum]) -> bytes:
    """Close the member: an empty last block, the check sum and length of all parts."""
    total, length = 0, 0
    for value, n in sums:
        total = _multiply(_shift(n), total) ^ value
        length += n
    last = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS).flush()
    return last + struct.pack("<LL", total, length % 2**32)


def _multiply(a: int, b: int) -> int:
    """Multiply polynomials whose highest bit is x⁰."""
    product = 0
    for bit in range(31, -1, -1):
        if a >> bit & 1:
            product ^= b
        b = b >> 1 ^ (_POLYNOMIAL if b & 1 else 0)
    return product


def _shift(n_bytes: int) -> int:
    """x to the power of 8 times a number of bytes."""
    power, square = _ONE, 1 << 30
    for _ in range(3):
        square = _multiply(square, square)
    while n_bytes:
        if n_bytes & 1:
            power = _multiply(square, power)
        square = _multiply(square, square)
        n_bytes >>= 1
    return power
