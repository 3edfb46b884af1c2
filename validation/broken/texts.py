"""Formulas, contrasts and printed statistics: what is typed on the command line."""

from collections.abc import Iterator
from pathlib import Path

from broken.case import Broken

FORMULAS = {  # and what has to be named; the column of the subject is `rat`
    "()": "formula",
    "(": "formula",
    "group*cue + (1|rat": "do not close",
    "group*cue + 1|rat)": "formula",
    "(1|)": "formula",
    "(|rat)": "formula",
    "group cue + (1|rat)": "'cue'",
    "group+": r"ends in '\+'",
    "group** + (1|rat)": "formula",
    "group^0 + (1|rat)": "'0'",
    "group^-1 + (1|rat)": "'-",
    "group^1.5 + (1|rat)": r"1\.5|'\.5",
    "(group+cue)^999999999999999999999 + (1|rat)": "whole number",
    "(group+cue)^20 + (1|rat)": "more than 1000 terms",
    "group:*cue + (1|rat)": "formula",
    "y ~ group~cue + (1|rat/cue)": "formula",
    "~": "is empty",
    "(" * 5000 + "group" + ")" * 5000 + "+(1|rat)": "2000",
    "(" * 900 + "group" + ")" * 900 + "+(1|rat)": "20 deep",
    "*".join("abcdefghijklmnopqrstuvwxyz") + "+(1|rat)": "1000 terms",
    "group; import os + (1|rat)": "formula",
    "__import__('os').system('touch owned') + (1|rat)": "formula",
    "`group + (1|rat)": "backticks",
    "`` + (1|rat)": "formula",
    "group*cue + center() + (1|rat)": "formula",
    "group*cue + center(center(age)) + (1|rat)": "formula",
    "cue + center(group) + (1|rat)": "group",
    "group*cue + center(age + (1|rat)": "do not close",
    "group*cue + center(r]sp) + (1|rat)": "formula",
    'group*cue + center("|rat) + (1|rat)': "formula",
    "group*cue + center(a\N{SUPERSCRIPT TWO}ge) + (1|rat)": "formula",
    "group*cue + center(ag\N{MONGOLIAN LETTER ALI GALI HALF U}e) + (1|rat)": "formula|no column",
    "group*cue + (1|rat999999999999999999999999ct)": "rat9999",
    "1e309*group + (1|rat)": "1e309|formula",
    "group/0 + (1|rat)": "formula",
    "0 + (1|rat)": "formula|intercept",
    "log(age) + (1|rat)": r"log\(\)",
    "I(age^2) + (1|rat)": r"I\(\)",
    "group*cue + (cue|rat|group)": "formula",
    "y + (1|rat)": "y .*response|'y'",
    "rat + (1|rat)": "rat",
    "nobody + (1|rat)": "nobody",
    "Group*cue + (1|rat)": "Group",
    "g\N{FULLWIDTH LATIN SMALL LETTER R}oup + (1|rat)": "formula|no column",
    "group\N{ZERO WIDTH SPACE}*cue + (1|rat)": "formula|no column",
    "\N{GRINNING FACE} + (1|rat)": "formula",
    "if + (1|rat)": "'if'",
    "group*cue + (1|group)": "group",
    "group + sex + (1|rat)": "sex",
    "group*constant + (1|rat)": "constant",
}

CONTRASTS = {
    "": "contrast",
    "LgA": "contrast|sum",
    "LgA - LgA": "LgA",
    "LgA + ShA": "sum|weights",
    "LgA - XgA": "XgA",
    "1/0*LgA - ShA": "1/0|contrast",
    "nan*LgA - ShA": "nan",
    "1e400*LgA - ShA": "1e400|contrast",
    "9" * 400 + "*LgA - ShA": "contrast",
    "LgA:": "contrast",
    ": LgA - ShA": "contrast|level",
    "LgA: LgA - ShA": "LgA",
    "LgA - ShA -": "contrast",
    "0*LgA - 0*ShA": "contrast|weights",
    "LgA - ShA; LgA": "ShA; LgA|contrast",
    "(" * 5000 + "LgA": "contrast",
    "LgA - " * 20_000 + "ShA": "letters",
    "LgA - paired": "paired",
    "age - group": "age|group",
    "group": "contrast|group",
}

STATISTICS = {
    "F(" + "9" * 300 + ",171)=4.25, P=0.002": "out of range",
    "t(10)=1e400, p=0": "out of range",
    "z=2.1, p=.01e999": "out of range",
    "F(-1,5)=3, p=.1": "cannot|found no F|n/a",
    "F(1,0)=3, p=.1": "cannot",
    "F(0,5)=3, p=.1": "cannot",
    "F(1,5)=-3, p=.1": "impossible: a negative F",
    "F(1,5)=nan, p=.1": "found no F",
    "r(20)=1.5, p=.1": "impossible: a correlation",
    "r=.5, n=" + "9" * 3000: "out of range|cannot",
    "F(1,20)=4.5, p=1.7": "impossible: p = 1.7",
    "F(1,20)=4.5, p=-.04": "impossible: p = -0.04",
    "F(1e9,5)=3, p=1": "cannot|found no F",
    "F(1,2)=1" + ",111" * 5000: "out of range|cannot|found no F",
    "F=1" + " " * 20_000 + "df": "cannot be checked",
    "": "found no F",
    "((((((((": "found no F",
    "hello": "found no F",
    "F(1,20)=": "found no F",
    "F(1,5)=inf, p=.001": "found no F|cannot",
}

ROWS = [
    f"R{k}\t{'LgA' if k % 2 else 'ShA'}\t{cue}\t{(k * 7 + (cue == 'paired') * k * k) % 11}\t{30 + k * k % 7}\t1"
    for k in range(12)
    for cue in ("paired", "unpaired")
]
HEADER = "rat\tgroup\tcue\ty\tage\tconstant"


def write_table(folder: Path) -> None:
    """Write twelve animals in two groups, two cues each."""
    (folder / "t.tsv").write_text("\n".join([HEADER, *ROWS]) + "\n", encoding="utf-8")


def short(text: str) -> str:
    """Return a text that fits a line of the table."""
    return text if len(text) < 60 else f"{text[:40]}... ({len(text)} letters)"


def cases() -> Iterator[Broken]:
    """Return every broken text."""
    anova = ("anova", "t.tsv", "--dv", "y", "--subject", "rat")
    for text, says in FORMULAS.items():
        yield Broken(kind="formula", name=short(text), words=(*anova, "--formula", text), says=says, make=write_table)
    for text, says in CONTRASTS.items():
        words = (*anova, "--formula", "group*cue + (1|rat)", "--contrast", text)
        yield Broken(kind="contrast", name=short(text), words=words, says=says, make=write_table)
    for text, says in STATISTICS.items():
        words = ("audit", text)
        yield Broken(kind="statistic", name=short(text), words=words, says=says, make=write_table, status=(0, 1))
