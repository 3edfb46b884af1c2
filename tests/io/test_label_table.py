import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.label_table import distinct_names, parse_labels, read_label_table

ITK_SNAP = """################
# ITK-SnAP Label Description File
################
    0     0    0    0        0  0  0    "Clear Label"
    1   255   52   39        1  1  0    "corticofugal tract and corona radiata"
    3     0    0  255      0.5  1  1    "Subthalamic nucleus"
"""
FREESURFER = """#No. Label Name:                            R   G   B   A

0   Unknown                                 0   0   0   0
10  Left-Thalamus                           0   118 14  0
49  Right-Thalamus                          0   118 14  0
"""
FSL = """<?xml version="1.0" encoding="ISO-8859-1"?>
<atlas version="1.0"><header><name>Some</name><type>{}</type></header>
<data><label index="0" x="48" y="94" z="35">Frontal Pole</label>
<label index="1" x="25" y="70" z="32">Insular Cortex</label></data></atlas>
"""
WHOLE = {1: "Frontal Pole", 2: "Insular Cortex"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("index\tname\n0\tbackground\n3\tA\n17\tB\n", {3: "A", 17: "B"}),
        ("index\tname\tcolor\n3\tA\t#ff0000\n", {3: "A"}),
        ("index,name\n3,A\n17,B\n", {3: "A", 17: "B"}),
        ('index,name\n3,"A, dorsal"\n', {3: "A, dorsal"}),
        ("index;name\n3;A\n", {3: "A"}),
        ("Label,Hemisphere,System,Region of interest\n1,left,x,Insula\n2,right,x,Insula\n3,left,x,Raphe\n",
         {1: "Insula (left)", 2: "Insula (right)", 3: "Raphe"}),
        ("index,ROI,ROI_abbreviation\n2,basolateral nucleus ,BLA\n", {2: "basolateral nucleus"}),
        ("index\tname\n3\t@A\n4\t=B\n", {3: "@A", 4: "=B"}),
        ("acronym,id,name,structure_id_path,parent_structure_id\nroot,997,root,/997/,\nCB,512,Cerebellum,/997/512/,997\n",
         {997: "root", 512: "Cerebellum"}),
        ('[{"acronym": "CB", "id": 512, "name": "Cerebellum", "rgb_triplet": [1, 2, 3]}]', {512: "Cerebellum"}),
        (ITK_SNAP, {1: "corticofugal tract and corona radiata", 3: "Subthalamic nucleus"}),
        (FREESURFER, {10: "Left-Thalamus", 49: "Right-Thalamus"}),
        (FSL.format("Probabilistic"), WHOLE),
        (FSL.format("Label"), {1: "Insular Cortex"}),
    ],
)  # fmt: skip
def test_each_form_of_label_table_is_read(text, names):
    assert parse_labels(text) == names


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("index\tname\n1\tA\n1\tB\n", "3: label 1 is listed twice ('A' and 'B'); keep one"),
        ("index\tname\ntwo\tA\n", "2: index 'two' is no whole number"),
        ("index\tname\n1.5\tA\n", "2: index '1.5' is no whole number"),
        ("index\tname\n1\t\n", "2: label 1 has an empty name"),
        ("index\tname\n1\tA\tB\n", "2: another number of cells than the header has (2)"),
        ("index\tcolor\n1\tred\n", "1: no column of labels (index) or of names (name); found: index, color; expected"),
        ("", "1: no column of labels (index) or of names (name); found: nothing; expected"),
        ("index\tname\n", "1: no label; expected a table"),
        (ITK_SNAP + "nonsense\n", "7: 'nonsense' is no line of a label file like the first one"),
        ("<atlas><data>", "1: not readable as XML"),
        ("[1", "1: not readable as JSON"),
        ('[{"id": 1}]', "1: a region without id or name, such as {'id': 1}"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><atlas/>', "1: an XML file with declarations of its own is not read"),
    ],
)
def test_each_fault_of_a_label_table_is_named_with_its_line(text, fault):
    with pytest.raises(DataError) as error:
        parse_labels(text)

    assert error.value.faults[0].startswith(fault)


def test_regions_of_one_name_are_told_apart_by_side_or_by_label():
    names = {1: "a", 2: "a", 3: "b", 4: "b", 5: "c"}

    assert distinct_names(names, {1: -3.0, 2: 3.0, 3: 2.0, 4: 3.0, 5: 0.0}) == {
        1: "a (left)",
        2: "a (right)",
        3: "b (label 3)",
        4: "b (label 4)",
        5: "c",
    }


def test_the_case_of_labels_by_commas_is_read(cases):
    assert read_label_table(cases / "maps" / "csv_labels_message" / "lab.csv") == {3: "A", 17: "B"}


def test_a_missing_label_table_is_named(tmp_path):
    with pytest.raises(DataError, match=r"dseg\.tsv: no such file"):
        read_label_table(tmp_path / "dseg.tsv")


def test_a_text_far_larger_than_anybody_writes_is_not_read(tmp_path):
    path = tmp_path / "labels.tsv"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(DataError, match=r"labels\.tsv: more than 50 MB, expected a text"):
        read_label_table(path)
