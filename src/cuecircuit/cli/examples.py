"""What people type first: one or more examples under the `--help` of each command."""

from typer import Typer

EXAMPLES = {
    "demo": ("cuecircuit demo",),
    "simulate": (
        "cuecircuit simulate carmack2019 rats --seed 1",
        "cuecircuit simulate carmack2019 rats --scale tiny --hypothesis null",
        "cuecircuit simulate carmack2019 rats --model mechanism",
        "cuecircuit simulate alcohol_mice mice --scale tiny",
    ),
    "designs": ("cuecircuit designs",),
    "init": (
        "cuecircuit init mydata",
        "cuecircuit init mydata /storage/fmriprep --out study.yaml --yes",
        "cuecircuit init --design alcohol_mice --out study.yaml",
    ),
    "behavior": ("cuecircuit behavior logs/* --participants participants.tsv --out results",),
    "schema": ("cuecircuit schema",),
    "check": ("cuecircuit check rats/study.yaml",),
    "run": (
        "cuecircuit run rats/study.yaml results --n-jobs 4",
        "cuecircuit run rats/study.yaml results --stage questions.escalation",
        "cuecircuit run rats/study.yaml results --alternatives",
        "cuecircuit run rats/study.yaml results --dask tcp://scheduler:8786",
    ),
    "bids-app": ("cuecircuit bids-app bids results participant --study study.yaml --n_cpus 4",),
    "plan": (
        "cuecircuit plan mice/study.yaml plan",
        "cuecircuit plan mice/study.yaml plan --n 8 --n 10,10,12 --n 16 --power .9",
        "cuecircuit plan mice/study.yaml plan --effects pilot.yaml --test reinstatement",
    ),
    "report": ("cuecircuit report results",),
    "share": ("cuecircuit share results maps.zip --template MNI152NLin2009cAsym --paradigm trm_4c898f079d05e",),
    "deposit": ("cuecircuit deposit results package",),
    "sessions": (
        "cuecircuit sessions sourcedata/*.txt --out behavior",
        "cuecircuit sessions fed3.csv --source fed3.yaml --out behavior --strict",
        "cuecircuit sessions sourcedata/*.txt --out behavior --nwb --participants participants.tsv"
        " --timezone America/Los_Angeles",
    ),
    "fit": (
        "cuecircuit fit behavior fits --drug cocaine --dose 0.5",
        "cuecircuit fit behavior fits --drug oxycodone --dose 0.15 --hold-out every:3 --elimination",
        "cuecircuit fit rats/study.yaml fits --hold-out last:2",
    ),
    "anova": (
        "cuecircuit anova intake.tsv --dv infusions --subject rat --between access --within session",
        "cuecircuit anova intake.tsv --dv infusions --subject rat --between access --within session"
        " --posthoc session --by access --reference 1 --adjust bonferroni",
    ),
    "severity": ("cuecircuit severity animals.tsv --strata sex,cohort",),
    "audit": ('cuecircuit audit "F(9,171)=4.25, P=0.002"', "cuecircuit audit statistics.tsv --n 21 --groups 2"),
    "group": (
        "cuecircuit group maps.tsv out --mask mask.nii.gz --subject rat --between access --within cue,block"
        " --covariate respiration --inference simulation",
        "cuecircuit group maps.tsv out --mask mask.nii.gz --subject rat"
        ' --formula "access*cue + center(respiration) + (1|rat) + (1|rat:cue)" --df kenward-roger',
    ),
    "compare": (
        'cuecircuit compare maps.tsv out --mask mask.nii.gz --formula "group*center(craving)" --method robust',
        "cuecircuit compare maps.tsv out --mask mask.nii.gz --formula group --inference permutation --statistic tfce",
    ),
    "smoothness": ("cuecircuit smoothness out/residuals.nii.gz --mask mask.nii.gz",),
    "clustsim": (
        "cuecircuit clustsim --mask mask.nii.gz --acf 0.5 0.6 2.4 --pthr .01 --pthr .001 --athr .05",
        "cuecircuit clustsim --mask mask.nii.gz --fwhm 1.2 --sided bi --connectivity 26",
    ),
    "preprocess": ("cuecircuit preprocess rats/study.yaml rats/derivatives/preprocessed",),
    "quality": ("cuecircuit quality rats/study.yaml quality",),
}


def add_examples(app: Typer) -> None:
    """Print its examples below the options of every command that has some."""
    for command in app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "")
        if name in EXAMPLES:
            # \b keeps the lines as they are
            command.epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in EXAMPLES[name])
