"""What the check says of operant logs beside faults."""

from cuecircuit.nodes.log_check import bin_notes
from cuecircuit.study.experiment import Operant


def test_bins_that_do_not_fill_a_session_are_named_with_its_length() -> None:
    phases = {"long": {"kind": "extinction", "days": 1, "access_h": 1}}
    phases["short"] = phases["long"] | {"access_h": {"a": 0.5, "b": 0}}
    measures = {"by_7": {"count": "active", "every_min": 7}, "by_20": {"count": "active", "every_min": 20}}
    measures |= {"by_10": {"count": "active", "every_min": 10}, "part": {"count": "active", "window_min": [0, 7]}}
    by_7, by_20 = bin_notes(Operant.model_validate({"logs": "*", "phases": phases, "measures": measures}))
    assert "by_7: bins of 7 min do not fill long (60 min), short (30 min)" in by_7
    assert "by_20: bins of 20 min do not fill short (30 min)" in by_20
