"""What is in a folder of results, for tests that compare two."""

import hashlib
from pathlib import Path


def hashes(out: Path) -> dict[str, str]:
    """Return the digest of every file by its name, without the records of the store."""
    files = (path for path in out.rglob("*") if path.is_file() and ".cuecircuit" not in path.parts)
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
