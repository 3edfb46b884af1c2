"""Does a study that passes `check` run? Shipped designs changed by hand in many ways, each checked, then run.

    python validation/check_runs.py FOLDER [--design NAME]... [--only WORD] [--table check_runs.tsv]

Each design is simulated once (scale tiny, few draws) and run; each change is checked, and run in the same results, so
that only what changed is done again. A change is `named` where `check` names a fault, `runs` where check and run pass,
and `MISSED` where check passes and the run does not; the exit status is the number of the latter. A run of what `check`
refuses is not tried: `run` checks first. Figures and the page are made of the shipped design and of changes whose name
has "drawn", "figure" or "copy"; with --pages of all.
"""

import argparse
import copy
import shutil
import sys
from pathlib import Path

import pandas as pd
import yaml

from cuecircuit.errors import CuecircuitError
from cuecircuit.nodes import run
from cuecircuit.nodes.check import check_study
from cuecircuit.nodes.graph import ordered_nodes
from cuecircuit.nodes.simulate import simulate_design
from cuecircuit.tables.study_files import read_study

DRAWS = 200
GONE = object()  # a key that is left out


def change(path, value):
    """Return a change that sets a dotted path of a study file; GONE leaves the key out."""

    def apply(study):
        *place, last = path.split("/")
        for name in place:
            study = study.setdefault(name, {}) if isinstance(study, dict) else study[int(name)]
        if value is GONE:
            study.pop(last, None)
        else:
            study[last] = copy.deepcopy(value)

    return apply


def several(*changes):
    """Return a change made of several."""

    def apply(study):
        for one in changes:
            one(study)

    return apply


def question(name, **keys):
    """Return a change that adds a question."""
    return change(f"questions/{name}", keys)


PERMUTED = {"method": "permutation", "statistic": "voxel", "alpha": 0.05, "voxel_p": 0.01, "draws": DRAWS}
SIMULATED = {"method": "simulation", "alpha": 0.05, "voxel_p": 0.01, "draws": DRAWS}
FDR, NONE = {"method": "fdr", "alpha": 0.05}, {"method": "none", "alpha": 0.05}

CHANGES = {
    "alcohol_mice": {
        "no drugs": change("drugs", GONE),
        "a fourth group": change("factors/group/levels", ["water", "early", "late", "nobody"]),
        "no measures": change("operant/measures", GONE),
        "another level first": change("factors/group", {"levels": ["late", "early", "water"]}),
        "correction without maps": change("correction", PERMUTED),
        "covariate that is text": question("odd", of="subjects.age", between="group", covariates="group"),
        "covariate nobody has": question(
            "odd", of="subjects.age", formula="group + center(iq)", tests=["group"], method="ols"
        ),
        "number of a column that is none": question("odd", of="subjects.height", by="group"),
    },
    "pet_displacement": {
        "a third challenge": change("factors/challenge", ["placebo", "alcohol", "saline"]),
        "no atlas": several(change("space/atlas", GONE), change("space/labels", GONE)),
        "no mask": change("space/mask", GONE),
        "no correction": change("correction", GONE),
        "simulation": change("correction", SIMULATED),
        "fdr": change("correction", FDR),
        "none": change("correction", NONE),
        "one side of a factor": change("correction", {**PERMUTED, "sided": "one"}),
        "one side, formula": several(
            change("correction", {**PERMUTED, "sided": "one"}), change("questions/displacement/contrasts", GONE)
        ),
        "alpha that few subjects cannot reach": several(
            change("correction", {**PERMUTED, "alpha": 0.001, "draws": 2000}),
            change("questions/displacement/where", {"group": "light"}),
            change("questions/displacement/between", []),
            change("questions/displacement/contrasts", ["alcohol - placebo"]),
            change("questions/displacement/shown", "challenge"),
        ),
        "groups rotated": change("correction", {**PERMUTED, "variance": "groups"}),
        "variance as found": change("correction", {**PERMUTED, "variance": "auto"}),
        "compared corrections": change(
            "correction", {**SIMULATED, "compare": ["permutation_tfce", "fdr"], "compare_draws": DRAWS}
        ),
        "compared with too strict an alpha": change(
            "correction",
            {**SIMULATED, "alpha": 0.005, "draws": 2000, "compare": ["permutation_size"], "compare_draws": 100},
        ),
        "exploratory height": change(
            "correction", {"method": "simulation", "voxel_z": 3.1, "exploratory_z": 2.3, "alpha": 0.05, "draws": DRAWS}
        ),
        "mixed model under permutation": question(
            "odd",
            of="maps.binding",
            formula="group*challenge + (1 | subject)",
            tests=["group:challenge"],
            method="reml",
        ),
        "intercept alone under permutation": question(
            "odd", of="maps.binding", where={"challenge": "alcohol"}, formula="1", tests=["(Intercept)"], method="ols"
        ),
        "mixed model of the mean alone": question(
            "odd", of="maps.binding", formula="1 + (1 | subject)", tests=["(Intercept)"], method="reml"
        ),
        "huber under permutation": question(
            "odd",
            of="maps.binding",
            where={"challenge": "alcohol"},
            formula="group",
            tests=["heavy - light"],
            method="huber",
        ),
        "welch": question(
            "odd",
            of="maps.binding",
            where={"challenge": "alcohol"},
            formula="group",
            tests=["heavy - light"],
            method="welch",
        ),
        "mixed effects without variances": several(
            change("correction", SIMULATED),
            question(
                "odd",
                of="maps.binding",
                where={"challenge": "alcohol"},
                formula="group",
                tests=["heavy - light"],
                method="mixed-effects",
            ),
        ),
        "evidence of maps": question("odd", of="maps.binding", between="group", within="challenge", evidence={}),
        "evidence of a mixed model": question(
            "odd",
            of="maps.binding",
            formula="group*challenge + (1 | subject)",
            tests=["group:challenge"],
            method="reml",
            evidence={},
        ),
        "means of maps": question("odd", of="maps.binding", by="challenge"),
        "correlation of maps": question(
            "odd", of="maps.binding", where={"challenge": "alcohol"}, **{"with": {"of": "subjects.audit"}}
        ),
        "agreement of maps": question("odd", of="maps.binding", agreement="absolute", over="challenge"),
        "agreement of two subjects": question(
            "odd", of="maps.binding", agreement="absolute", over="challenge", where={"group": "light", "sex": "F"}
        ),
        "every cell of group and sex": change("questions/displacement/between", ["group", "sex"]),
        "aliased covariate": several(
            change("questions/displacement/covariates", ["audit"]), change("questions/displacement/between", ["group"])
        ),
        "more terms than subjects": question(
            "odd", of="subjects.audit", formula="group*sex*center(age)*center(audit)", tests=["group"], method="ols"
        ),
        "a region the atlas lacks": change("regions/parts/names", ["ventral striatum", "habenula"]),
        "survivors of an effect that is none": several(
            change("regions/inside", {"of": "maps.binding", "within": {"question": "displacement", "effect": "sex"}}),
            question("odd", of="regions.inside", each="region", by=["group", "challenge"]),
        ),
        "survivors": several(
            change(
                "regions/inside",
                {"of": "maps.binding", "within": {"question": "displacement", "effect": "group:challenge"}},
            ),
            question("odd", of="regions.inside", each="region", between="group", within="challenge", adjust="fdr"),
        ),
        "ratio of regions": several(
            change(
                "derived/ratio",
                {
                    "of": "regions.parts",
                    "where": {"challenge": "alcohol", "region": "ventral striatum"},
                    "over": "challenge",
                    "how": "mean",
                },
            ),
            question("odd", of="derived.ratio", between="group"),
        ),
        "a split by a region": several(
            change(
                "derived/striatum",
                {
                    "of": "regions.parts",
                    "where": {"challenge": "alcohol", "region": "ventral striatum"},
                    "over": "challenge",
                    "how": "mean",
                },
            ),
            change("derived/binding", {"split": "striatum", "at": "median", "labels": ["weak", "strong"]}),
            question("odd", of="subjects.audit", between="binding"),
        ),
        "a copy of what is not there": change("copies", {"paper/table.tsv": "questions/nothing/terms.tsv"}),
        "a copy": change("copies", {"paper/table.tsv": "questions/questionnaire/terms.tsv"}),
        "a figure of a region that is none": change(
            "figures", {"fig": {"question": "severity", "kind": "scatter", "only": {"region": "habenula"}}}
        ),
        "a map drawn of a table": change("figures", {"fig": {"question": "questionnaire", "kind": "map"}}),
        "corrections drawn where none are compared": change(
            "figures", {"fig": {"question": "displacement", "kind": "corrections"}}
        ),
        "a factor called like a column of results": several(
            change("derived/high", {"split": "audit", "at": "median", "labels": ["few", "many"]}),
            question("odd", of="subjects.age", between="high"),
        ),
        "no anatomy, no labels": change("space/labels", GONE),
        "one group alone": several(
            change("factors/group", ["light"]),
            change("questions/displacement/between", []),
        ),
        "everybody but two left out": change("questions/questionnaire/where", {"group": "light", "sex": "F"}),
    },
    "smokers_two_sessions": {
        "no session factor": change("factors/session", GONE),
        "a third session": change("factors/session/levels", ["sated", "abstinent", "later"]),
        "runs one": change("scans/runs", "one"),
        "runs kept apart": change("scans/runs", "key"),
        "permutation": change("correction", PERMUTED),
        "drift as short as the trials": change("nuisance/drift_period_s", 4.0),
        "no degrees of freedom": change("nuisance/min_residual_df", 300),
        "everything censored": change("nuisance/censor_fd_mm", 0.0005),
        "low pass that leaves nothing": change("nuisance/low_pass_hz", 0.01),
        "components without tissues": change("nuisance/acompcor", 5),
        "a column that is none": change("nuisance/columns", ["csf_wm"]),
        "blocks of events": change(
            "maps/task", {"kind": "blocks", "cells": "picture", "baseline_s": [-6, 0], "window_s": [2, 8]}
        ),
        "finite impulse response": several(
            change("maps/task/hrf", "fir"), change("maps/task/fir_s", 20.0), change("maps/task/window_s", [4.0, 12.0])
        ),
        "window between two volumes": several(
            change("maps/task/hrf", "fir"), change("maps/task/fir_s", 20.0), change("maps/task/window_s", [4.5, 5.5])
        ),
        "seeds": several(
            change("maps/rest", {"kind": "seed", "seeds": ["ventral striatum"]}),
            question(
                "odd", of="maps.rest", formula="session + (1 | subject)", tests=["abstinent - sated"], method="reml"
            ),
        ),
        "a seed that is none": change("maps/rest", {"kind": "seed", "seeds": ["habenula"]}),
        "a contrast of what is no picture": change("maps/task/contrasts", {"odd": "alcohol - neutral"}),
        "slopes of ratings": change("maps/task/modulators", ["craving"]),
        "a picture that nobody saw": change("factors/picture", ["neutral", "food", "smoking", "alcohol"]),
        "a picture that is not named": change("factors/picture", ["neutral", "smoking"]),
        "strata of sessions": question("odd", of="maps.task", within=["picture", "session"]),
        "change of maps": question(
            "odd",
            of="contrasts.task",
            where={"contrast": "smoking_neutral"},
            change="session",
            **{"with": {"of": "visits.urge", "change": "session"}},
        ),
        "a random part too many": question(
            "odd",
            of="trials.craving",
            formula="picture*session + (1 + picture*session | subject)",
            tests=["picture"],
            method="reml",
            repeats=["run", "trial"],
        ),
    },
    "cocaine_sessions": {
        "no regions of the atlas": several(change("space/atlas", GONE), change("space/labels", GONE)),
        "a fourth cue": change("factors/cue/levels", ["neutral", "sucrose", "cocaine", "heroin"]),
        "a third session": change("factors/session/levels", ["early", "late", "later"]),
        "another group": change("factors/group/levels", ["yoked", "cocaine", "naive"]),
        "no unit of pairs": change("questions/pairs/unit", "subject"),
        "signs of few pairs": several(
            change("correction", {**PERMUTED, "alpha": 0.005, "draws": 2000}),
            question("odd", of="maps.task", unit="pair", within=["group", "cue", "session"]),
        ),
        "no derivatives": change("scans/derivatives", GONE),
        "another time step": change("scans/tr_s", 2.0),
        "another task": change("scans/task", "rest"),
        "no lever counts": change("operant/measures", GONE),
        "a phase of no session": change(
            "operant/phases/later", {"kind": "extinction", "experiment": "XX*", "days": 1, "access_h": 1}
        ),
        "more days than there are": change("operant/phases/training/days", 20),
        "an hour less": change("operant/phases/training/access_h", 5),
        "simulation of strata": change("correction", SIMULATED),
        "breathing nobody recorded": change("nuisance/breathing", "retroicor"),
        "only rats of one group in a test of both": change("questions/incubation/where", {"group": "cocaine"}),
    },
    "carmack2019": {
        "no physio, and it is a covariate": change("trials/breathing", GONE),
        "no breathing at all": several(
            change("trials/breathing", GONE),
            change("maps/responses/carry", []),
            change("questions/access_by_cue/covariates", []),
            change("questions/breathing", GONE),
            change("alternatives/without_respiration", GONE),
        ),
        "no tissue maps": several(change("space/white_matter", GONE), change("space/ventricles", GONE)),
        "no tissues": several(
            change("space/white_matter", GONE),
            change("space/ventricles", GONE),
            change("nuisance", {"motion": 0}),
            change("about/follows", {}),
        ),
        "a third cue": change("factors/cue/levels", ["saline", "naloxone", "vehicle"]),
        "the other group first": change("factors/group/levels", ["LgA", "ShA"]),
        "blocks averaged": several(
            change("questions/access_by_cue/within", ["cue"]), change("questions/access_by_cue/average", ["block"])
        ),
        "one run": change("scans/runs", "one"),
        "a model of blocks": change("maps/responses", {"kind": "glm", "cells": ["cue", "block"], "hrf": "rat"}),
        "eight days": change("operant/phases/escalation/days", 8),
        "one rat left out": change("subjects/exclude", {"ShA01": "catheter not patent"}),
        "a region drawn that is none": change("figures/fig2a/only/region", "VTA"),
    },
    "huang2023": {
        "one session": change("factors/session", ["1"]),
        "the other group first": change("factors/group", ["iHUD", "HC"]),
        "no sex": change("factors/sex", GONE),
        "runs kept apart": change("scans/runs", "key"),
        "least squares": change("questions/groups/method", "ols"),
        "one height": change("correction/exploratory_z", GONE),
        "ranks": change("questions/region_craving/rank", True),
        "consistency": change("questions/reliability/agreement", "consistency"),
        "a cell that nobody saw": change(
            "factors/cell", ["look_drug", "look_food", "look_neutral", "reappraise_drug", "savor_food", "rest"]
        ),
        "a level of each drawn": change("figures", {"fig": {"question": "groups", "only": {"contrast": "savor_look"}}}),
        "no level drawn": change("figures", {"fig": {"question": "groups"}}),
        "uncentered age": change("questions/sex_by_group/formula", "group*age"),
    },
}


def changed_studies(design, folder):
    """Yield the name of each change and the file that holds it."""
    base = yaml.safe_load((folder / design / "study.yaml").read_text())
    base = shortened(base)
    path = folder / design / "changed.yaml"
    for name, apply in {"as shipped": lambda study: None, **CHANGES[design]}.items():
        study = copy.deepcopy(base)
        apply(study)
        path.write_text(yaml.safe_dump(study, sort_keys=False, allow_unicode=True))
        yield name, path


def shortened(node):
    """Return a study with few draws, ten at the level of its correction."""
    if isinstance(node, dict):
        fewest = max(DRAWS, round(10 / node["alpha"])) if "alpha" in node else DRAWS
        return {key: fewest if key == "draws" else shortened(value) for key, value in node.items()}
    return node


def kinds_of(path):
    """Return the kinds of nodes that a study has, without figures and page."""
    try:
        return sorted({node.partition(".")[0] for node in ordered_nodes(read_study(path).study)})
    except CuecircuitError:
        return ()


def tried(path, out, stages):
    """Return what came of a changed study, and the first words of it."""
    try:
        check_study(path)
    except CuecircuitError as error:
        return "named", f"{len(error.faults)} faults; {error.faults[0]}"
    try:
        run.run_study(path, out, stages=stages)
    except CuecircuitError as error:
        return "MISSED", "; ".join(error.faults)
    except Exception as error:  # a fault of the program is missed as well
        return "MISSED", repr(error)
    return "runs", ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--design", choices=CHANGES, action="append")
    parser.add_argument("--only", default="", help="changes whose name has these words")
    parser.add_argument("--pages", action="store_true", help="make figures and page of every change")
    parser.add_argument("--table", type=Path)
    asked = parser.parse_args()
    run.check_files = lambda files: ()  # each change is checked once, before its run
    rows = []
    for design in asked.design or CHANGES:
        if not (asked.folder / design).exists():
            simulate_design(design, asked.folder / design, scale="tiny")
        for name, path in changed_studies(design, asked.folder):
            if asked.only in name:
                pages = asked.pages or any(word in name for word in ("shipped", "drawn", "figure", "copy"))
                verdict, words = tried(path, asked.folder / f"{design}_results", () if pages else kinds_of(path))
                verdict = "MISSED" if name == "as shipped" and verdict == "named" else verdict
                words = words.replace(str(asked.folder), "FOLDER")
                rows.append({"design": design, "change": name, "verdict": verdict, "words": words[:300]})
                print("\t".join(rows[-1].values()), flush=True)
        shutil.rmtree(asked.folder / f"{design}_results", ignore_errors=True)
    table = pd.DataFrame(rows)
    if asked.table is not None:
        table.to_csv(asked.table, sep="\t", index=False)
    print(table["verdict"].value_counts().to_string())
    sys.exit(int((table["verdict"] == "MISSED").sum()))


if __name__ == "__main__":
    main()
