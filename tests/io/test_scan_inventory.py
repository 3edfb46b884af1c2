from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.errors import DataError
from cuecircuit.io.scan_inventory import ScanChoice, ScanFiles, one_per_run


def scan(subject="01", session=None, run=1, ending=".nii.gz", **entities):
    named = {"sub": subject, "ses": session, "run": run, **entities}
    stem = "_".join(f"{name}-{value}" for name, value in named.items() if value is not None)
    return ScanFiles(
        subject=subject,
        session=session,
        run=run,
        entities={name: str(value) for name, value in entities.items()},
        bold=Path(f"{stem}_bold{ending}"),
        events=None,
        physio=None,
        confounds=None,
        tr_s=None,
    )


def faults_of(scans, choice=None, **options):
    with pytest.raises(DataError) as error:
        one_per_run(scans, choice or ScanChoice(), **options)
    return error.value.faults


def chosen(scans, **entities):
    return one_per_run(scans, ScanChoice(entities=entities)).scans


def test_runs_of_one_session_are_kept_and_their_combination_is_reported():
    scans = [scan(subject, run=run) for subject in ("01", "02") for run in (2, 1)]

    selection = one_per_run(scans, ScanChoice())

    assert [one.name for one in selection.scans] == ["sub-01 run-1", "sub-01 run-2", "sub-02 run-1", "sub-02 run-2"]
    assert selection.left_out == ()
    assert selection.notes == ("2 runs of one session are combined into one map per cell (2 subjects × sessions)",)


def test_two_sessions_of_one_subject_are_refused_with_the_ways_out():
    (fault,) = faults_of([scan(subject, session) for subject in ("01", "02", "03") for session in ("pre", "post")])

    assert fault.startswith("sub-01 and 2 others: has scans in sessions post, pre, which nothing in the study accounts")
    assert "factors.session," in fault
    assert "keep the scans of one session" in fault
    assert "run each session as a study of its own" in fault


def test_a_scan_outside_of_sessions_beside_one_in_a_session_is_refused():
    assert "sessions none, pre" in faults_of([scan(session="pre"), scan()])[0]


def test_a_named_session_is_taken_and_the_other_accounted_for():
    scans = [scan(session="pre"), scan(session="post")]

    selection = one_per_run(scans, ScanChoice(sessions=("post",)))

    assert [one.session for one in selection.scans] == ["post"]
    assert selection.left_out == ((scans[0], "session pre; factors.session takes post"),)
    assert selection.notes == ("1 scans left out: session pre; factors.session takes post",)


def test_named_sessions_that_nobody_has_are_refused():
    choice = ScanChoice(sessions=("1", "3"), session_setting="factors.session")

    assert faults_of([scan(session="1"), scan(session="2")], choice) == (
        "no scans of session 3 (factors.session); found: 1, 2",
    )


def test_sessions_that_are_kept_apart_may_be_several():
    scans = [scan(session="1"), scan(session="2")]

    assert len(one_per_run(scans, ScanChoice(sessions_apart=True)).scans) == 2


def test_subjects_with_one_session_each_may_differ_in_its_label_and_it_is_noted():
    selection = one_per_run([scan("01", "20240501"), scan("02", "20240502")], ScanChoice())

    assert len(selection.scans) == 2
    assert selection.notes == ("each subject has one session, but not the same: 20240501, 20240502",)


def test_three_echoes_of_a_run_are_no_three_runs():
    (fault,) = faults_of([scan(run=run, echo=echo) for run in (1, 2) for echo in (1, 2, 3)])

    assert fault == (
        "sub-01 run-1 and 1 others: 3 images of one run, echo 1, 2, 3; they are no further runs: take one "
        "(scans.echo: 1), or combine the echoes (tedana, fMRIPrep) and set scans.echo to combined"
    )


def test_an_echo_or_the_combined_image_can_be_chosen():
    scans = [*(scan(echo=echo) for echo in (1, 2, 3)), scan(space="MNI")]

    (second,) = chosen(scans, echo="2")
    (combined,) = chosen(scans, echo="combined")

    assert second.entities == {"echo": "2"}
    assert combined.entities == {"space": "MNI"}
    (fault,) = faults_of(scans[:3], ScanChoice(entities={"echo": "combined"}))
    assert fault.startswith("sub-01 run-1: no scan with echo combined (scans.echo); found: 1, 2, 3;")


def test_native_echoes_and_a_combination_in_a_space_are_never_mixed():
    # the file list of fMRIPrep's multi-echo example, ds000210
    scans = [*(scan("02", echo=echo) for echo in (1, 2, 3)), scan("02", space="MNI152NLin2009cAsym")]

    echo, space = faults_of(scans)

    assert "4 images of one run, echo 1, 2, 3, combined;" in echo
    assert "space MNI152NLin2009cAsym, none (none: the scan without space)" in space
    assert chosen(scans, space="MNI152NLin2009cAsym") == (scans[3],)


@pytest.mark.parametrize(
    "entity", ["acq", "ce", "rec", "dir", "part", "space", "res", "cohort", "desc", "chunk", "flip"]
)
def test_an_entity_that_differs_within_a_run_is_refused_and_can_be_chosen(entity):
    scans = [scan(**{entity: "a"}), scan(**{entity: "b"})]
    setting = {"space": "scans.space", "res": "scans.res"}.get(entity, f"scans.entities.{entity}")

    (fault,) = faults_of(scans)

    assert f"2 images of one run, {entity} a, b; they are no further runs: name the one to take in {setting}" in fault
    assert chosen(scans, **{entity: "b"}) == (scans[1],)


@pytest.mark.parametrize("entity", ["hemi", "chunk", "inv", "split", "label", "part", "space"])
def test_runs_that_are_parts_or_kinds_of_an_image_are_not_combined(entity):
    (fault,) = faults_of([scan(run=1, **{entity: "a"}), scan(run=2, **{entity: "b"})])

    assert fault.startswith(f"scans of different {entity}: a (sub-01 run-1), b (sub-01 run-2); they are not one kind")


def test_a_scan_without_an_entity_is_chosen_by_none():
    scans = [scan(), scan(acq="mb")]

    assert "acq mb, none (none: the scan without acq)" in faults_of(scans)[0]
    assert chosen(scans, acq="none") == (scans[0],)
    assert chosen(scans, acq="mb") == (scans[1],)


def test_magnitude_and_phase_are_not_averaged_and_a_phase_alone_is_no_scan():
    magnitude, phase = scan(part="mag"), scan(part="phase")

    assert "2 images of one run, part mag, phase;" in faults_of([magnitude, phase])[0]
    assert chosen([magnitude, phase], part="mag") == (magnitude,)
    assert "part-phase is no magnitude image" in faults_of([phase])[0]
    assert (
        "part-phase is no magnitude image" in faults_of([magnitude, phase], ScanChoice(entities={"part": "phase"}))[0]
    )


@pytest.mark.parametrize("entity", ["echo", "part", "space", "res", "cohort", "desc"])
def test_runs_of_different_kinds_of_image_are_refused(entity):
    value = "2" if entity == "echo" else "x"

    (fault,) = faults_of([scan("01"), scan("02", **{entity: value})])

    assert fault.startswith(f"scans of different {entity}: ")
    assert "(sub-01 run-1)" in fault
    assert f"{value} (sub-02 run-1)" in fault


@pytest.mark.parametrize("entity", ["acq", "dir", "rec", "ce"])
def test_runs_may_differ_in_how_they_were_acquired(entity):
    assert len(one_per_run([scan(run=1, **{entity: "a"}), scan(run=2, **{entity: "b"})], ScanChoice()).scans) == 2


def test_two_files_of_one_name_are_refused():
    scans = [scan(), scan(ending=".nii")]

    assert faults_of(scans) == (
        f"sub-01 run-1: several scans are called so ({scans[0].bold}, {scans[1].bold}); keep one",
    )


def test_scans_with_and_without_a_run_number_are_refused():
    assert "one has the entity run, the other has not" in faults_of([scan(run=None), scan(run=1)])[0]


def test_a_run_that_is_no_number_is_refused():
    unnumbered = scan(run=None)
    lettered = ScanFiles(
        subject="02",
        session=None,
        run=None,
        entities={"run": "x"},
        bold=Path("sub-02_task-odor_run-x_bold.nii.gz"),
        events=None,
        physio=None,
        confounds=None,
        tr_s=None,
    )

    assert faults_of([unnumbered, lettered]) == (
        "sub-02_task-odor_run-x_bold.nii.gz: run 'x' is no whole number; rename the file",
    )


def test_excluded_subjects_are_no_fault():
    scans = [scan("01"), *(scan("02", session) for session in ("1", "2"))]

    assert len(one_per_run(scans, ScanChoice(), exclude=["02"]).scans) == 3


def test_all_faults_come_at_once():
    scans = [scan("01", "a"), scan("01", "b"), scan("02", echo=1), scan("02", echo=2), scan("03", dir="AP"), scan("03")]

    sessions, echoes, directions = faults_of(scans)

    assert "sessions a, b" in sessions
    assert "echo 1, 2" in echoes
    assert "dir AP, none" in directions


LABELS = st.sampled_from(["a", "b"])
SCANS = st.lists(
    st.builds(
        scan,
        subject=st.sampled_from(["01", "02"]),
        session=st.none() | LABELS,
        run=st.none() | st.integers(1, 2),
        acq=LABELS,
        space=LABELS,
    ),
    min_size=1,
    max_size=8,
)


@given(scans=SCANS, order=st.randoms(use_true_random=False), space=st.none() | LABELS)
def test_whatever_there_is_either_each_run_has_one_scan_or_it_is_refused(scans, order, space):
    shuffled = list(scans)
    order.shuffle(shuffled)
    choice = ScanChoice(entities={} if space is None else {"space": space})

    selection, other = (outcome(each, choice) for each in (scans, shuffled))

    if isinstance(selection, int):
        assert selection == other > 0
        return
    assert not isinstance(other, int)
    assert selection.scans == other.scans
    names = [one.name for one in selection.scans]
    assert len(set(names)) == len(names)
    assert len({(one.subject, one.session) for one in selection.scans}) == len({one.subject for one in selection.scans})
    assert len(selection.scans) + len(selection.left_out) == len(scans)


def outcome(scans, choice):
    """The selection, or the number of faults."""
    try:
        return one_per_run(scans, choice)
    except DataError as error:
        return len(error.faults)
