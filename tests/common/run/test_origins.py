import pytest

from common.experiment import Metrics
from common.run.origins import circumstances, device_of, mixed, origin, origins_of
from common.run.record import Record

MACHINE = {"system": "Linux x86_64", "processor": "Abacus 5", "capability": "BEADS", "cores": 2, "threads": 1}
MADE = {
    "commit": "0123456789abcdef",
    "dirty": False,
    "device": "cpu",
    "precision": "fp32",
    "together": "c",
    "versions": {"torch": "2.15.0", "numpy": "2.4.6"},
    "machine": MACHINE,
}
WHERE = {
    "device": "cpu",
    "system": "Linux x86_64",
    "processor": "Abacus 5",
    "capability": "BEADS",
    "threads": "1",
    "torch": "2.15.0",
    "numpy": "2.4.6",
}


def record(**changes):
    return Record(Metrics({}), 1.0, MADE | changes)


def test_circumstances_are_what_rounding_may_depend_on():
    assert circumstances(record()) == WHERE
    variables = MACHINE | {"variables": {"MKL_CBWR": "AVX2"}}
    assert circumstances(record(machine=variables)) == WHERE | {"MKL_CBWR": "AVX2"}


def test_a_record_that_says_nothing_has_circumstances_of_none():
    empty = Record(Metrics({}), 1.0, {})
    assert set(circumstances(empty).values()) == {"none"}
    assert origin(empty)["commit"] == "none"


def test_an_origin_has_the_commit_and_whether_it_was_changed():
    assert origin(record()) == {"commit": "0123456789ab"} | WHERE
    assert origin(record(dirty=True))["commit"] == "0123456789ab+changes"


def test_records_are_counted_by_all_that_may_differ():
    records = [record(), record(device="NVIDIA Slide Rule"), record(versions={"torch": "2.13.0", "numpy": "2.4.6"})]
    found = origins_of([*records, record(machine=MACHINE | {"variables": {"MKL_CBWR": "AVX2"}})])
    assert found["device"] == {"cpu": 3, "NVIDIA Slide Rule": 1}
    assert found["torch"] == {"2.15.0": 3, "2.13.0": 1}
    assert found["numpy"] == {"2.4.6": 4}
    assert found["MKL_CBWR"] == {"none": 3, "AVX2": 1}
    assert mixed(found) == [
        "records differ in device: cpu (3), NVIDIA Slide Rule (1)",
        "records differ in torch: 2.15.0 (3), 2.13.0 (1)",
        "records differ in MKL_CBWR: none (3), AVX2 (1)",
    ]


@pytest.mark.parametrize("records", [[], [record()], [record(), record()]])
def test_records_of_one_origin_need_no_line(records):
    assert mixed(origins_of(records)) == []


def test_each_difference_has_a_line_with_the_most_records_first():
    changes = [
        ("commit", {"commit": "f" * 40}, "ffffffffffff"),
        ("commit", {"dirty": True}, "0123456789ab+changes"),
        ("capability", {"machine": MACHINE | {"capability": "AVX2"}}, "AVX2"),
        ("system", {"machine": MACHINE | {"system": "Darwin arm64"}}, "Darwin arm64"),
        ("threads", {"machine": MACHINE | {"threads": 4}}, "4"),
    ]
    for name, change, value in changes:
        (line,) = mixed(origins_of([record(), record(**change), record(**change)]))
        assert line == f"records differ in {name}: {value} (2), {origin(record())[name]} (1)"


def test_the_device_of_a_record_is_a_gpu_by_name_and_a_cpu_by_its_processor():
    assert device_of(record()) == "Abacus 5"
    assert device_of(record(device="NVIDIA Slide Rule")) == "NVIDIA Slide Rule"


def test_data_sets_whose_images_differ_are_named():
    same = [record(data={"mnist": "aa", "digits": "cc"}), record(data={"mnist": "aa"}), record()]
    assert origins_of(same)["the images of mnist"] == {"aa": 2}
    assert mixed(origins_of(same)) == []
    line = "records differ in the images of mnist: aa (2), bb (1)"
    assert mixed(origins_of([*same, record(data={"mnist": "bb"})])) == [line]
