"""One gzip member packed in parts: what zlib's one-member reader gives back is what went in."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.io.gzip_parts import GZIP_HEADER, gzip_end, pack


def member(parts: list[bytes]) -> bytes:
    packed = [pack(part) for part in parts]
    return GZIP_HEADER + b"".join(each.content for each in packed) + gzip_end([each.sum for each in packed])


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_parts_are_one_member_that_a_reader_of_one_member_reads_to_the_end(parts):
    reader = zlib.decompressobj(wbits=31)
    assert reader.decompress(member(parts)) == b"".join(parts)
    assert reader.eof
    assert reader.unused_data == b""


def test_a_wrong_byte_is_found_by_the_check_sum():
    damaged = bytearray(member([b"one volume", b"another volume"]))
    damaged[-8] ^= 1
    with pytest.raises(gzip.BadGzipFile, match="CRC"):
        gzip.decompress(bytes(damaged))
