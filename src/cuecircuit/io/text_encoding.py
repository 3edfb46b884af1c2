"""Bytes of a text file to text: UTF-8, UTF-16 with or without a byte-order mark, else Windows-1252 or Latin-1."""

from contextlib import suppress

SNIFFED = 512  # bytes that show the encoding: a header is in ASCII


def decode_text(content: bytes) -> str:
    """Return the text of a file whose encoding nobody stated, without a byte-order mark.

    Args:
        content: the whole file; where it is neither UTF-8 nor UTF-16, every byte is one letter (only names and remarks
            hold letters beyond ASCII, and a wrong accent there changes no number).
    """
    encoding = _utf16(content)
    if encoding is not None:
        return content.decode(encoding, errors="replace").removeprefix("\ufeff")
    for encoding in ("utf-8-sig", "cp1252"):  # the second is that of MED-PC's computers
        with suppress(UnicodeDecodeError):
            return content.decode(encoding)
    return content.decode("latin-1")


def is_utf16(content: bytes) -> bool:
    """Return whether a text is UTF-16, with a byte-order mark or without."""
    return _utf16(content) is not None


def _utf16(content: bytes) -> str | None:
    """Return which UTF-16 the content is; without a mark, every other byte of a Latin text is zero."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    first, second = content[:SNIFFED:2], content[1:SNIFFED:2]
    for encoding, zeros, letters in (("utf-16-le", second, first), ("utf-16-be", first, second)):
        if len(zeros) > 1 and zeros.count(0) > 0.9 * len(zeros) and not letters.count(0):
            return encoding
    return None
