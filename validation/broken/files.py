"""Tables, workbooks and operant logs: files of many programs, cut off, damaged or made to do harm."""

# a line for each input
# ruff: noqa: E501

import io
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl

from broken.case import Broken
from broken.texts import HEADER, ROWS

GOOD = "\n".join([HEADER, *ROWS]) + "\n"
CONSTANT = "\n".join([HEADER, *("\t".join([*row.split("\t")[:3], "5", *row.split("\t")[4:]]) for row in ROWS)]) + "\n"
Content = bytes | str | Callable[[Path], object]


def put(name: str, content: Content) -> Callable[[Path], object]:
    """Return what writes a file, or makes what is no file."""

    def make(folder: Path) -> None:
        path = folder / name
        if callable(content):
            content(path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    return make


def with_cell(value: str, column: int = 3) -> str:
    """Return the table with one cell replaced."""
    cells = ROWS[5].split("\t")
    cells[column] = value
    return "\n".join([HEADER, *ROWS[:5], "\t".join(cells), *ROWS[6:]]) + "\n"


def loop(path: Path) -> None:
    path.symlink_to(path.name)


TABLES: dict[str, tuple[Content, str]] = {
    "no file": (lambda path: None, "t.tsv"),
    "empty": ("", "t.tsv"),
    "a header alone": (HEADER + "\n", "t.tsv"),
    "line ends alone": ("\n" * 1000, "t.tsv"),
    "UTF-16": (GOOD.encode("utf-16"), "t.tsv"),
    "zero bytes": (b"\0" * 4096, "t.tsv"),
    "Latin-1": (GOOD.replace("group", "gr\xf6up").encode("latin-1"), "t.tsv"),
    "a pipe": (os.mkfifo, "pipe"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "device"),
    "a folder": (lambda path: path.mkdir(), "t.tsv"),
    "a link to itself": (loop, "t.tsv"),
    "a column twice": (GOOD.replace("age", "y"), "'y'|column y"),
    "a row too long": (GOOD + "R99\tLgA\tpaired\t1\t2\t3\t4\n", ":26"),
    "a row too short": (GOOD + "R99\tLgA\n", ":26"),
    "commas": (GOOD.replace("\t", ","), "t.tsv:1"),
    "300 000 columns": ("\t".join(map(str, range(300_000))) + "\n", "300000 columns"),
    "a cell of 10 MB": (with_cell("x" * 10_000_000), "t.tsv"),
    "a number that is text": (with_cell("many"), "many"),
    "an infinite number": (with_cell("inf"), "inf"),
    "a number beyond doubles": (with_cell("1e999"), "1e999|inf"),
    "a decimal comma": (with_cell("3,5"), "3,5"),
    "thousands": (with_cell("1,234"), "1,234"),
    "a subject missing": (with_cell("n/a", 0), "rat"),
    "a level missing": (with_cell("", 1), "group|row|R2"),
    "a subject of two groups": (with_cell("LgA" if "ShA" in ROWS[5] else "ShA", 1), "R2"),
    "a cell twice": (GOOD + ROWS[0] + "\n", "R0"),
    "one subject": ("\n".join([HEADER, *ROWS[:2]]) + "\n", "subject|group"),
    "the same value everywhere": (CONSTANT, "column 'y' is 5 in all 24 rows"),
    "three cells and two subjects": (HEADER + "\n" + "".join(f"R{k}\tLgA\tcue{c}\t{k + c * c}\t30\t1\n" for k in range(2) for c in range(3)), "group|level"),
    "a gzip file": (b"\x1f\x8b\x08\0" + os.urandom(200), "t.tsv"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, "t.tsv"),
    "quotes that do not close": (with_cell('"5'), "t.tsv|quote|row"),
}  # fmt: skip


def book(*rows: list[object]) -> bytes:
    """Return a workbook of one sheet."""
    workbook, content = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        workbook.worksheets[0].append(row)
    workbook.save(content)
    return content.getvalue()


def rewritten(name: str, text: str) -> bytes:
    """Return a workbook of which one part is other text."""
    content = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(book(["rat", "y"]))) as old,
        zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for part in old.namelist():
            new.writestr(part, text if part == name else old.read(part))
    return content.getvalue()


def far_cell() -> bytes:
    workbook, content = openpyxl.Workbook(), io.BytesIO()
    workbook.worksheets[0]["A1"], workbook.worksheets[0]["XFD1048576"] = "rat", "lost"
    workbook.save(content)
    return content.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
NAMESPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
LAUGHS = "".join(f'<!ENTITY l{k} "{f"&l{k - 1};" * 10 if k else "lol"}">' for k in range(12))
WORKBOOKS: dict[str, bytes] = {
    "a cell at XFD1048576": far_cell(),
    "no zip file": b"PK\x03\x04" + os.urandom(500),
    "empty": b"",
    "cut off": book(["rat", "y"], ["R1", 1])[:3000],
    "an encrypted one": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000,
    "a zip without sheets": rewritten("xl/workbook.xml", "<workbook/>"),
    "a sheet of 100 MB of blanks": rewritten(SHEET, f"<worksheet {NAMESPACE}><sheetData>" + " " * 100_000_000),
    "entities of entities": rewritten(SHEET, f'<!DOCTYPE x [{LAUGHS}]><worksheet {NAMESPACE}><sheetData><row r="1"><c r="A1" t="str"><v>&l11;</v></c></row></sheetData></worksheet>'),
    "an entity of another file": rewritten(SHEET, f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><worksheet {NAMESPACE}><sheetData><row r="1"><c r="A1" t="str"><v>&e;</v></c></row></sheetData></worksheet>'),
    "a sheet that is no XML": rewritten(SHEET, "<<<<"),
    "rows numbered -1": rewritten(SHEET, f'<worksheet {NAMESPACE}><sheetData><row r="-1"><c r="A1"><v>1</v></c></row></sheetData></worksheet>'),
    "a row numbered 10^12": rewritten(SHEET, f'<worksheet {NAMESPACE}><sheetData><row r="1000000000000"><c r="A1000000000000"><v>1</v></c></row></sheetData></worksheet>'),
    "a shared text that is not there": rewritten(SHEET, f'<worksheet {NAMESPACE}><sheetData><row r="1"><c r="A1" t="s"><v>999</v></c></row></sheetData></worksheet>'),
    "a sheet without rows": book(),
}  # fmt: skip

MEDPC = """File: C:\\MED-PC\\Data\\log.txt


Start Date: 01/05/26
End Date: 01/05/26
Subject: R1
Experiment: ESCALATION
Group: ShA
Box: 1
Start Time: 09:00:00
End Time: 10:00:00
MSN: CUECIRCUIT ShA FR1
A:       1.000
I:       4.000
K:    3600.000
R:       2.000
X:
     0:     2738.760     3000.000
Y:
     0:       60.790     1341.520     1921.210     3351.130
Z:
     0:     2738.760     3000.000
"""
LOGS: dict[str, tuple[Content, str]] = {  # fault of one session: reported, and set aside or refused
    "empty": ("", "log.txt"),
    "zero bytes": (b"\0" * 5000, "log.txt"),
    "random bytes": (bytes(k * k % 251 for k in range(5000)), "log.txt"),
    "a header alone": (MEDPC[: MEDPC.index("A:  ")], "log.txt"),
    "cut off in the header": (MEDPC[:120], "log.txt"),
    "cut off in a number": (MEDPC[:-40], "log.txt|[1-9] faults"),
    "31 February": (MEDPC.replace("01/05/26", "02/31/26"), "02/31/26"),
    "month 13": (MEDPC.replace("01/05/26", "13/13/26"), "13/13/26"),
    "25 o'clock": (MEDPC.replace("09:00:00", "25:00:00"), "25:00:00"),
    "an end before the start": (MEDPC.replace("10:00:00", "08:00:00"), "log.txt"),
    "an array that begins at 99999999": (MEDPC.replace("     0:     2738.760     3000", "99999999:     2738.760     3000"), "99999999"),
    "an array that begins at -5": (MEDPC.replace("     0:     2738.760     3", "    -5:     2738.760     3", 1), "log.txt"),
    "a number that is text": (MEDPC.replace("1341.520", "abc.def"), "abc.def"),
    "a number that is none": (MEDPC.replace("1341.520", "nan"), "nan"),
    "an infinite time": (MEDPC.replace("1341.520", "1e999"), "1e999|inf"),
    "a time of 10^308": (MEDPC.replace("1341.520", "1" + "0" * 308), "log.txt"),
    "a number of 100 000 digits": (MEDPC.replace("1341.520", "9" * 100_000), "log.txt"),
    "negative times": (MEDPC.replace("1341.520", "-1341.520"), "-1341|log.txt"),
    "times that run back": (MEDPC.replace("1341.520", "5.000"), "log.txt"),
    "a counter that contradicts": (MEDPC.replace("R:       2", "R:       7"), "7|log.txt"),
    "an array twice": (MEDPC.replace("Y:\n", "Y:\n     0:       5.000\nY:\n"), "Y|log.txt"),
    "arrays that are not there": (MEDPC[: MEDPC.index("X:")] + "K:\nX:\nR:       1.000\n", "log.txt"),
    "no subject": (MEDPC.replace("Subject: R1", "Subject: "), "log.txt"),
    "an unknown program": (MEDPC.replace("CUECIRCUIT ShA FR1", "MINE"), "'MINE'"),
    "the session twice": (MEDPC + MEDPC, "R1"),
    "a pipe": (os.mkfifo, "pipe"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "device"),
    "a folder": (lambda path: path.mkdir(), "log.txt"),
}  # fmt: skip
FED3 = "MM:DD:YYYY hh:mm:ss,Device_Number,Event,Active_Poke,Left_Poke_Count,Right_Poke_Count,Pellet_Count\n11/13/2019 15:54:07,7,Left,Left,1,0,0\n"
FED3_LOGS = {
    "a header alone": (FED3.split("\n")[0] + "\n", "F.CSV"),
    "a date of 1970": (FED3.replace("2019", "1970"), "1970|F.CSV"),
    "month 99": (FED3.replace("11/13", "99/13"), "99/13"),
    "a counter that is text": (FED3.replace(",1,0,0", ",x,0,0"), "x"),
    "a counter of 10^400": (FED3.replace(",1,0,0", f",1{'0' * 400},0,0"), "F.CSV"),
    "a column missing": (FED3.replace("Pellet_Count", "Pellets"), "Pellet_Count"),
    "zero bytes": (FED3.encode() + b"\0" * 100, "F.CSV"),
}
PROGRAMS = {
    "empty": "",
    "brackets 5 000 deep": "[" * 5000,
    "aliases of aliases": "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]",
    "an object of Python": "!!python/object/apply:os.system ['touch owned']",
    "10 MB": "#" * 10_000_000,
    "a list": "- 1\n- 2\n",
    "zero bytes": "\0\0\0",
    "a key twice": "msn: [A]\nmsn: [B]\n",
    "a number beyond doubles": "msn: [A]\ntitle: t\nsource: s\nletters: { X: { kind: timestamps, event: e, unit_s: 1e999 } }",
    "a unit of 0": "msn: [A]\ntitle: t\nsource: s\nletters: { X: { kind: timestamps, event: e, unit_s: 0 } }",
    "a date": "msn: 2001-99-99",
    "a letter that is none": "msn: [A]\ntitle: t\nsource: s\nletters: { XX: { kind: timestamps, event: e } }",
}  # fmt: skip


def nwb(change: Callable[..., object]) -> Callable[[Path], object]:
    """Return what makes an HDF5 file that calls itself NWB."""

    def make(path: Path) -> None:
        import h5py

        with h5py.File(path, "w") as file:
            file.attrs["nwb_version"] = "2.8.0"
            change(file)

    return make


def link_in_circles(file: object) -> None:
    file["a"] = __import__("h5py").SoftLink("/b")  # type: ignore[index]
    file["b"] = __import__("h5py").SoftLink("/a")  # type: ignore[index]


NWB: dict[str, Content] = {
    "no HDF5": b"\x89HDF\r\n\x1a\n" + os.urandom(300),
    "empty": b"",
    "nothing in it": nwb(lambda file: None),
    "10^12 numbers in a few bytes": nwb(lambda file: file.create_dataset("t", shape=(10**12,), chunks=(1024,), compression="gzip")),
    "a part in another file": nwb(lambda file: file.__setitem__("x", __import__("h5py").ExternalLink("/etc/passwd", "/"))),
    "links in circles": nwb(link_in_circles),
    "text for numbers": nwb(lambda file: file.__setitem__("timestamps", ["a", "b"])),
}  # fmt: skip


def cases() -> Iterator[Broken]:
    """Return every broken file."""
    anova = ("--dv", "y", "--subject", "rat", "--between", "group", "--within", "cue")
    for name, (content, says) in TABLES.items():
        yield Broken(kind="table", name=name, words=("anova", "t.tsv", *anova), says=says, make=put("t.tsv", content))
    for name, book_content in WORKBOOKS.items():
        yield Broken(
            kind="workbook", name=name, words=("audit", "t.xlsx"), says="t.xlsx", make=put("t.xlsx", book_content)
        )
        yield Broken(
            kind="workbook log",
            name=name,
            words=("sessions", "t.xlsx", "--out", "out"),
            says="t.xlsx",
            make=put("t.xlsx", book_content),
        )
    for kind, file, logs in (("MED-PC", "log.txt", LOGS), ("FED3", "F.CSV", FED3_LOGS)):
        for name, (content, says) in logs.items():
            words = ("sessions", file, "--out", "out")
            yield Broken(kind=kind, name=name, words=words, says=says, make=put(file, content), status=(0, 1))
    for name, content in NWB.items():
        yield Broken(
            kind="NWB", name=name, words=("sessions", "x.nwb", "--out", "out"), says="x.nwb", make=put("x.nwb", content)
        )
    for name, text in PROGRAMS.items():

        def make(folder: Path, text: str = text) -> None:
            (folder / "log.txt").write_text(MEDPC)
            (folder / "programs").mkdir()
            (folder / "programs" / "p.yaml").write_text(text)

        words = ("sessions", "log.txt", "--out", "out", "--programs", "programs")
        yield Broken(kind="declaration", name=name, words=words, says="p.yaml", make=make)
