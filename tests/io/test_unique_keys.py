import pytest
import yaml

from cuecircuit.io.unique_keys import load_unique


def test_yaml_without_doubled_keys_loads_as_ever():
    text = "a: 1\nb: {c: [1, 2], d: {a: 1}}\ne: {f: 1}\ng: {f: 1, h: 2}\n"

    assert load_unique(text) == yaml.safe_load(text)


@pytest.mark.parametrize(("text", "lines"), [("a: 1\nb: 2\na: 3\n", "1 and 3"), ("x:\n  Y: 1\n  Y: 2\n", "2 and 3")])
def test_a_key_that_stands_twice_is_refused_with_both_lines(text: str, lines: str):
    with pytest.raises(yaml.YAMLError, match=f"is duplicated, on lines {lines}"):
        load_unique(text)


def test_objects_of_python_are_not_made():
    with pytest.raises(yaml.YAMLError):
        load_unique("!!python/object/apply:os.getcwd []")
