"""Study files, folders of results, scans of a study, and requests beyond reason."""

# a line for each input
# ruff: noqa: E501

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from broken.case import Broken
from broken.files import MEDPC, put
from broken.images import write_maps
from broken.texts import write_table

sys.path.append(str(Path(__file__).parents[2] / "tests" / "nodes"))
from tiny_scans import SHAPE, VOLUMES, Scan, scan_data, write_scans, write_study

STUDY = """about: { title: Scores }
subjects: { species: Mus musculus, tables: [scores.tsv] }
factors: { group: [a, b] }
questions:
  scores: { of: subjects.score, between: group }
"""
PLANNED = (
    STUDY
    + """simulation:
  n: { a: 6, b: 6 }
  base: [{ in: subjects.score, mean: 5, between_sd: 2, within_sd: 1 }]
  effects: { more: { in: subjects.score, by: group, add: { b: 1 } } }
  hypotheses: { more: [more] }
"""
)
OPERANT = """operant:
  logs: "log.txt"
  phases: { take: { kind: self_administration, experiment: ESCALATION, days: 1, access_h: 1, delivers: drug } }
derived: { taken: { of: operant.infusions, over: day, how: mean } }
drugs: { drug: { route: i.v., dose_mg_kg: 0.06 } }
"""


def write_scores(folder: Path) -> None:
    """Write eight mice with a score each, and their study."""
    rows = [(f"m{k}", "ab"[k % 2], k * k % 7) for k in range(8)]
    people = "".join(f"sub-{name}\t{group}\n" for name, group, _ in rows)
    (folder / "participants.tsv").write_text(f"participant_id\tgroup\n{people}")
    scores = "".join(f"sub-{name}\t{score}\n" for name, _, score in rows)
    (folder / "scores.tsv").write_text(f"participant_id\tscore\n{scores}")
    (folder / "dataset_description.json").write_text('{"Name": "scores", "BIDSVersion": "1.10.0"}')
    (folder / "study.yaml").write_text(STUDY)


STUDIES = {  # text of study.yaml, and what is named
    "empty": ("", "study.yaml"),
    "a list": ("- 1\n- 2\n", "study.yaml"),
    "a word": ("study\n", "study.yaml"),
    "zero bytes": ("\0\0\0", "study.yaml"),
    "a tab": (STUDY.replace("  scores", "\tscores"), "study.yaml:5"),
    "brackets 5 000 deep": ("about: " + "[" * 5000, "study.yaml"),
    "aliases of aliases": ("".join(f"k{n}: &k{n} [{', '.join([f'*k{n - 1}' if n else 'x'] * 10)}]\n" for n in range(12)), "study.yaml"),
    "an object of Python": (STUDY + "plans: !!python/object/apply:os.system ['touch owned']\n", "study.yaml"),
    "2 MB": ("#" * 2_000_000, "2000000"),
    "a key twice": (STUDY + "about: { title: again }\n", "about"),
    "an unknown key": (STUDY + "surprise: 1\n", "surprise"),
    "a key that is null": (STUDY.replace("{ group: [a, b] }", ""), "factors"),
    "levels that are truth values": (STUDY.replace("[a, b]", "[no, yes]"), "no|false|False|level"),
    "a level twice": (STUDY.replace("[a, b]", "[a, b, b]"), "a.*twice|twice|once"),
    "a level that is not declared": (STUDY.replace("[a, b]", "[a, x]"), "'?b'?"),
    "a question of nothing": (STUDY.replace("subjects.score", "subjects.skore"), "skore"),
    "a question of its own answer": (STUDY.replace("subjects.score", "questions.scores"), "questions.scores"),
    "derived tables in circles": (STUDY + "derived:\n  x: { of: derived.y, over: day, how: mean }\n  y: { of: derived.x, over: day, how: mean }\n", "derived|circle"),
    "a table of another folder": (STUDY.replace("scores.tsv", "../../../../../../etc/passwd"), "passwd"),
    "a table that is a device": (STUDY.replace("scores.tsv", "/dev/zero"), "/dev/zero"),
    "a name with a slash": (STUDY.replace("  scores: {", "  ../../x: {"), r"\.\./\.\./x"),
    "10^9 subjects": (PLANNED.replace("a: 6", "a: 1000000000"), "simulation.n"),
    "10^9 days": (STUDY + OPERANT.replace("days: 1", "days: 1000000000"), "participants.tsv|days"),
    "a dose beyond doubles": (STUDY + OPERANT.replace("0.06", "1e999"), "dose|1e999"),
    "a dose of nan": (STUDY + OPERANT.replace("0.06", ".nan"), "dose|nan"),
    "a dose of -1": (STUDY + OPERANT.replace("0.06", "-1"), "dose"),
    "logs in ***": (STUDY + OPERANT.replace("log.txt", "***"), r"\*\*\*"),
    "logs of the whole disk": (STUDY + OPERANT.replace("log.txt", "/**/*.nothing"), "nothing|logs"),
    "logs that are a device": (STUDY + OPERANT.replace("log.txt", "/dev/zero"), "zero|logs"),
    "logs [": (STUDY + OPERANT.replace("log.txt", "["), "logs|\\["),
    "logs of nobody": (STUDY + OPERANT, "R1"),
    "alpha 0": (STUDY + "correction: { method: none, alpha: 0 }\n", "alpha"),
    "10^12 draws": (STUDY + "correction: { method: permutation, alpha: 0.05, voxel_p: 0.001, draws: 1000000000000 }\n", "draws"),
    "a mean of a formula that is none": (STUDY.replace("between: group", "formula: 'group*', tests: group, method: ols"), "group\\*"),
}  # fmt: skip
PEOPLE = {  # old, new in participants.tsv
    "a subject twice": ("sub-m1\tb", "sub-m0\tb", "m0"),
    "a subject without a group": ("sub-m1\tb", "sub-m1\tn/a", "m1"),
    "an unknown group": ("sub-m1\tb", "sub-m1\tz", "z"),
    "no column of subjects": ("participant_id", "name", "participant_id"),
    "a subject named ../../x": ("sub-m1", "sub-../../x", r"\.\./\.\./x|m1"),
    "another case": ("sub-m1", "sub-M1", "M1|m1"),
}


def forged(name: str, content: bytes | str) -> Callable[[Path], object]:
    """Return what writes a file below the results, beside a folder that must be kept."""

    def make(folder: Path) -> None:
        write_scores(folder)
        (folder / "victim").mkdir()
        (folder / "victim" / "keep.txt").write_text("irreplaceable")
        path = folder / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return make


def record(*outputs: str) -> str:
    return json.dumps({"code": "x", "settings": {}, "inputs": {}, "outputs": dict.fromkeys(outputs, "0")})


def linked(name: str, target: str) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        forged(".cuecircuit/x.json", record(f"{name}/keep.txt"))(folder)
        (folder / "out" / name).symlink_to(target)

    return make


STORES = {  # the run ends well, and nothing beside `out` is touched
    "a record with ../": forged(".cuecircuit/sub-EVIL.json", record("../victim/keep.txt", "sub-m0/../../victim/keep.txt")),
    "a record with backslashes": forged(".cuecircuit/sub-EVIL.json", record("..\\victim\\keep.txt", "C:\\x", "\\\\host\\x")),
    "a record with no name": forged(".cuecircuit/sub-EVIL.json", record("", ".", "nul\0byte", "n" * 300)),
    "an empty record": forged(".cuecircuit/subjects.json", ""),
    "a record cut off": forged(".cuecircuit/subjects.json", '{"code": "x", "sett'),
    "a record that is a list": forged(".cuecircuit/subjects.json", "[]"),
    "a record 5 000 deep": forged(".cuecircuit/subjects.json", "[" * 5000),
    "a record of 40 MB": forged(".cuecircuit/subjects.json", " " * 40_000_000),
    "a record with NaN": forged(".cuecircuit/subjects.json", '{"code": NaN, "settings": Infinity}'),
    "a record that is no text": forged(".cuecircuit/subjects.json", b"\xff\xfe\x00\x01" * 50),
    "a link to a folder outside": linked("tables", "../victim"),
    "a link to the parent": linked("questions", ".."),
    "a link in circles": linked("figures", "figures"),
    "a file where a folder goes": forged("tables", "a file"),
    "a page of somebody else": forged("report.html", "<h1>not yours</h1>"),
}  # fmt: skip


def listed(*rows: str) -> Callable[[Path], object]:
    """Return what writes a study of three people, and a table of scans for the second."""

    def make(folder: Path) -> None:
        scan()(folder)
        (folder / "sub-b" / "sub-b_scans.tsv").write_text("\n".join(rows) + "\n")

    return make


def scan(**changes: object) -> Callable[[Path], object]:
    """Return what writes a study of three people, one scan each, and changes the second."""

    def make(folder: Path) -> None:
        data = changes.get("data")
        scans = [Scan(subject=name) for name in ("a", "c")]
        write_scans(folder, [scans[0], Scan(subject="b", data=data), scans[1]])  # type: ignore[arg-type]
        write_study(folder)
        events = folder / "sub-b" / "func" / "sub-b_task-cue_events.tsv"
        for old, new in changes.get("events", {}).items():  # type: ignore[attr-defined]
            events.write_text(events.read_text().replace(old, new))
        for name, value in changes.get("scans", {}).items():  # type: ignore[attr-defined]
            study = folder / "study.yaml"
            study.write_text(study.read_text().replace("  task: cue", f"  task: cue\n  {name}: {value}"))
        if "instead" in changes:
            next(folder.glob("sub-b/func/*bold.nii.gz")).write_bytes(changes["instead"])  # type: ignore[arg-type]

    return make


ZEROS = np.zeros((*SHAPE, VOLUMES), np.float32)
CONSTANT = np.repeat(scan_data(5)[..., :1], VOLUMES, 3)
NANS = np.full((*SHAPE, VOLUMES), np.nan, np.float32)
SCANS = {
    "as it should be": scan(),
    "zeros alone": scan(data=ZEROS),
    "the first volume repeated": scan(data=CONSTANT),
    "NaN alone": scan(data=NANS),
    "one volume": scan(data=scan_data(5)[..., :1]),
    "fewer volumes than events": scan(data=scan_data(5)[..., :30]),
    "one volume, set aside": scan(data=scan_data(5)[..., :1], scans={"on_fault": "exclude"}),
    "cut off, set aside": scan(instead=b"\x1f\x8b\x08", scans={"on_fault": "exclude"}),
    "a fault accepted that there is not": scan(scans={"accept": "{ sub-b spikes: a reason }"}),
    "a fault of nobody accepted": scan(scans={"accept": "{ sub-b run-9 spike: a reason }"}),
    "a scan of nobody excluded": scan(scans={"exclude": "{ sub-b run-9: a reason }"}),
    "a table of scans that lists what is missing": listed(
        "filename\tacq_time", "func/sub-b_task-cue_run-7_bold.nii.gz\tn/a"
    ),
    "a table of scans without names": listed("acq_time", "2026-01-01T00:00:00"),
    "a table of scans with a time that is none": listed("filename\tacq_time", "func/sub-b_task-cue_bold.nii.gz\tsoon"),
    "a table of scans that excludes with words": listed("filename\texclude", "func/sub-b_task-cue_bold.nii.gz\tmoved"),
    "a table of scans that excludes": listed("filename\texclude", "func/sub-b_task-cue_bold.nii.gz\tyes"),
    "cut off": scan(instead=b"\x1f\x8b\x08"),
    "an onset that is text": scan(events={"14.0": "soon"}),
    "an onset of nan": scan(events={"14.0": "nan"}),
    "an infinite onset": scan(events={"14.0": "inf"}),
    "a negative onset": scan(events={"14.0": "-500"}),
    "an onset beyond the scan": scan(events={"134.0": "13400"}),
    "a negative duration": scan(events={"10.0": "-10"}),
    "a duration of 10^12": scan(events={"10.0": "1000000000000"}),
    "an unknown trial type": scan(events={"drug": "drgu"}),
    "no column of onsets": scan(events={"onset": "time"}),
    "events of no row": scan(events={"\n": " "}),
}

MAPS = ("group", "maps.tsv", "out", "--mask", "mask.nii.gz", "--subject", "id", "--formula", "group")
PERMUTED = (*MAPS, "--inference", "permutation")
OPTIONS: list[tuple[tuple[str, ...], str]] = [
    ((*PERMUTED, "--n-permutations", "2000000000"), "n-permutations"),
    ((*PERMUTED, "--n-permutations", "0"), "n-permutations"),
    ((*PERMUTED, "--n-permutations", "-5"), "n-permutations"),
    ((*PERMUTED, "--n-permutations", "1e3"), "n-permutations"),
    ((*PERMUTED, "--alpha", "nan"), "α"),
    ((*PERMUTED, "--alpha", "0"), "α"),
    ((*PERMUTED, "--alpha", "5"), "α"),
    ((*PERMUTED, "--cluster-p", "1e-300"), "p|threshold"),
    ((*PERMUTED, "--cluster-p", "2"), "p"),
    ((*PERMUTED, "--cluster-p", "nan"), "p"),
    ((*PERMUTED, "--stop-early", "7"), "stop"),
    ((*PERMUTED, "--seed", "-1"), "seed"),
    ((*PERMUTED, "--n-jobs", "10000"), "n-jobs"),
    ((*PERMUTED, "--n-jobs", "0"), "n-jobs"),
    ((*MAPS, "--voxel-block", "1000000000"), "voxel-block"),
    ((*MAPS, "--inference", "simulation", "--iterations", "1000000000"), "iterations"),
    ((*MAPS, "--levels", "group"), "levels"),
    ((*MAPS, "--levels", "nobody=a,b"), "nobody"),
    ((*MAPS, "--levels", "group=a,a,b"), "twice|once|a"),
    ((*MAPS, "--dask", "tcp://127.0.0.1:1"), "127.0.0.1:1"),
    ((*MAPS, "--dask", "nonsense"), "nonsense"),
    ((*MAPS, "--atlas", "/dev/zero", "--labels", "/dev/zero"), "/dev/zero"),
    (("group", "maps.tsv", "maps.tsv", *MAPS[3:]), "maps.tsv"),
    (("group", "maps.tsv", "mask.nii.gz", *MAPS[3:]), "mask.nii.gz"),
    (("group", "maps.tsv", "/dev/null", *MAPS[3:]), "/dev/null"),
    (("group", "maps.tsv", "/proc/nowhere", *MAPS[3:]), "/proc"),
    (("group", "maps.tsv", "n" * 300, *MAPS[3:]), "nnn"),
    (("clustsim", "--mask", "mask.nii.gz", "--fwhm", "1", "--iterations", "1000000000"), "iterations"),
    (("clustsim", "--mask", "mask.nii.gz", "--fwhm", "nan"), "fwhm|FWHM"),
    (("clustsim", "--mask", "mask.nii.gz", "--fwhm", "-1"), "fwhm|FWHM"),
    (("clustsim", "--mask", "mask.nii.gz", "--fwhm", "1e9"), "fwhm|FWHM"),
    (("clustsim", "--mask", "mask.nii.gz", "--acf", "9", "-4", "0"), "acf|ACF|a |b |c "),
    (("clustsim", "--mask", "mask.nii.gz", "--fwhm", "3", "--pthr", "7"), "pthr|p "),
    (("clustsim", "--mask", "mask.nii.gz", "--fwhm", "3", "--pthr", "nan"), "pthr|p "),
    (("clustsim", "--mask", "mask.nii.gz", "--fwhm", "3", "--athr", "0"), "α"),
    (("clustsim", "--mask", "mask.nii.gz", "--fwhm", "3", "--iterations", "10", "--athr", ".001"), "fields: run"),
    (("smoothness", "mask.nii.gz", "--mask", "mask.nii.gz"), "mask.nii.gz"),
    (("anova", "t.tsv", "--dv", "y", "--subject", "rat", "--between", "rat"), "rat"),
    (("anova", "t.tsv", "--dv", "y", "--subject", "y", "--between", "group"), "y"),
    (("anova", "t.tsv", "--dv", "group", "--subject", "rat", "--between", "cue"), "group"),
    (("anova", "t.tsv", "--dv", "y", "--subject", "rat", "--within", "cue", "--confidence", "nan"), "confidence"),
    (("anova", "t.tsv", "--dv", "y", "--subject", "rat", "--within", "cue", "--posthoc", "nobody"), "nobody"),
    (("anova", "t.tsv", "--dv", "y", "--subject", "rat", "--within", "cue", "--means", "y"), "y"),
    (("audit", "F(1,20)=4.5, p=.04", "--n", "0"), "--n"),
    (("plan", "plan.yaml", "out", "--studies", "1000000000"), "studies"),
    (("plan", "plan.yaml", "out", "--n", "1000000000"), "1000000000"),
    (("plan", "plan.yaml", "out", "--n", "x"), "x"),
    (("plan", "plan.yaml", "out", "--power", "7"), "power"),
    (("plan", "plan.yaml", "out", "--effects", "/dev/zero"), "/dev/zero"),
    (("plan", "plan.yaml", "out", "--n-jobs", "100000"), "n-jobs"),
    (("simulate", "nobody", "out"), "nobody"),
    (("simulate", "study.yaml", "out"), "simulation"),
    (("simulate", "carmack2019", "out", "--hypothesis", "nobody", "--scale", "tiny"), "nobody"),
    (("simulate", "carmack2019", "study.yaml", "--scale", "tiny"), "study.yaml"),
    (("fit", "study.yaml", "out"), "operant|logs"),
    (("fit", ".", "out", "--drug", "heroin"), "--dose"),
    (("fit", "nowhere", "out"), "nowhere"),
    (("run", "study.yaml", "out", "--stage", "nobody"), "nobody"),
    (("run", "study.yaml", "out", "--n-jobs", "10000"), "n-jobs"),
    (("run", "study.yaml", "study.yaml"), "study.yaml"),
    (("run", "study.yaml", "."), r"participants.tsv|study|folder"),
    (("run", "study.yaml", "out", "--dask", "tcp://127.0.0.1:1"), "127.0.0.1:1"),
    (("run", "study.yaml", "out", "--alternatives"), "alternatives"),
    (("run", "nowhere.yaml", "out"), "nowhere.yaml"),
    (("run", ".", "out"), r"\."),
    (("run", "/dev/zero", "out"), "/dev/zero"),
    (("report", "nowhere"), "nowhere"),
    (("report", "study.yaml"), "study.yaml"),
    (("report", "."), "results|run"),
    (("quality", "study.yaml", "out"), "scans"),
    (("preprocess", "study.yaml", "out"), "scans|raw|acquisition"),
    (("severity", "t.tsv"), "subject|severity|column"),
    (("sessions", "log.txt", "--out", "study.yaml"), "study.yaml"),
    (("sessions", "log.txt", "--out", "out", "--mpc", "/dev/zero"), "/dev/zero"),
    (("sessions", "log.txt", "--out", "out", "--source", "/dev/zero"), "/dev/zero"),
    (("sessions", "log.txt", "--out", "out", "--programs", "nowhere"), "nowhere"),
]


def everything(folder: Path) -> None:
    """Write inputs of every command, which are whole; the request is what is broken."""
    write_scores(folder)
    write_table(folder)
    write_maps(folder)
    (folder / "log.txt").write_text(MEDPC)
    (folder / "plan.yaml").write_text(PLANNED)


def cases() -> Iterator[Broken]:
    """Return every broken folder and request."""
    check, run = ("check", "study.yaml"), ("run", "study.yaml", "out", "--n-jobs", "1")
    for name, (text, says) in STUDIES.items():

        def study(folder: Path, text: str = text) -> None:
            write_scores(folder)
            put("log.txt", MEDPC)(folder)
            put("study.yaml", text)(folder)

        yield Broken(kind="study file", name=name, words=check, says=says, make=study)
    for name, (old, new, says) in PEOPLE.items():

        def people(folder: Path, old: str = old, new: str = new) -> None:
            write_scores(folder)
            path = folder / "participants.tsv"
            path.write_text(path.read_text().replace(old, new))

        yield Broken(kind="participants", name=name, words=run, says=says, make=people, status=(0, 1))
    for name, make in STORES.items():
        yield Broken(kind="results", name=name, words=run, says="report.html|out", make=make, status=(0, 1))
    for name, make in SCANS.items():
        says = "report.html" if name == "as it should be" else "sub-b|subject b"
        yield Broken(kind="scan", name=name, words=run, says=says, make=make, status=(0, 1))
    for words, says in OPTIONS:
        name = " ".join(words[-2:])[:80]
        yield Broken(kind="request", name=name, words=words, says=says, make=everything)
