import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.claims.claim import Claim
from common.claims.judge import Judged
from common.claims.read import path_of, read
from common.claims.verdict import Finding, Verdict
from common.experiment import Tier
from common.package import find_packages
from common.report.junit import REPLACEMENT, junit
from tests.common.toy import value
from tests.conftest import told

FILE = "expectations/toy.yaml"


def claim(name, statement="a beats b", source="Table 9", why=None, gate="no-deviation", line=7):
    if why is not None:
        return Claim(f"toy/{name}", "The toy paper", source, statement, "none", None, {}, {Tier.SMOKE: why}, FILE, line)
    checks = {Tier.SMOKE: value(gate=gate, line=line)}
    return Claim(f"toy/{name}", "The toy paper", source, statement, "none", None, checks, {}, FILE, line - 3)


def judge(claim, verdict, sentence="so it is.", **fields):
    return Judged(
        claim, claim.checks[Tier.SMOKE], Finding(verdict, sentence, against=fields.pop("against", None)), **fields
    )


GOLDEN = """\
<?xml version='1.0' encoding='utf-8'?>
<testsuites name="toy" tests="7" failures="1" errors="1" time="0">
  <testsuite name="toy, smoke tier" tests="7" failures="1" errors="1" time="0" skipped="2">
    <testcase classname="toy.holds" name="toy/holds" time="0">
      <system-out>ours 1 ± 0, inside ±2: reproduced.</system-out>
    </testcase>
    <testcase classname="toy.low" name="toy/low" time="0">
      <failure type="deviates-low" message="ours 1 &lt; 2: deviates-low.">Fig. 1: a &amp; b are even
ours 1 &lt; 2: deviates-low.
expectations/toy.yaml:31</failure>
    </testcase>
    <testcase classname="toy.never" name="toy/never" time="0">
      <skipped message="needs a &quot;large&quot; machine" />
    </testcase>
    <testcase classname="toy.broken" name="toy/broken" time="0">
      <error type="error" message="no record">Table 9: a beats b
no record
expectations/toy.yaml:7</error>
    </testcase>
    <testcase classname="toy.elsewhere" name="toy/elsewhere" time="0">
      <skipped message="its experiment was not asked for" />
    </testcase>
    <testcase classname="toy.harmless" name="toy/harmless" time="0">
      <system-out>no record either</system-out>
    </testcase>
    <testcase classname="toy.watched" name="toy/watched" time="0">
      <system-out>so it is.</system-out>
    </testcase>
  </testsuite>
</testsuites>
"""


def test_the_document_has_one_test_case_a_declared_claim():
    holds, low = claim("holds"), claim("low", "a & b are even", "Fig. 1", line=31)
    never, broken, elsewhere = claim("never", why='needs a "large" machine'), claim("broken"), claim("elsewhere")
    harmless, watched = claim("harmless", gate="none"), claim("watched")
    judged = [
        judge(watched, Verdict.DEVIATES_HIGH, against=0.04, adjusted=0.2, watch=True),
        judge(elsewhere, Verdict.NOT_RUN, "its experiment was not asked for"),
        judge(holds, Verdict.REPRODUCED, "ours 1 ± 0, inside ±2: reproduced."),
        judge(low, Verdict.DEVIATES_LOW, "ours 1 < 2: deviates-low.", against=0.001, adjusted=0.004),
        judge(broken, Verdict.ERROR, "no record"),
        judge(harmless, Verdict.ERROR, "no record either"),
    ]
    claims = [holds, low, never, broken, elsewhere, harmless, watched]
    assert junit(told(judged, claims)) == GOLDEN


def test_a_claim_that_is_untestable_in_another_tier_only_is_a_test_case_of_this_one():
    there = Claim("toy/a", "p", "s", "t", "none", None, {Tier.SMOKE: value()}, {Tier.FULL: "no"})
    (case,) = cases(junit(told([judge(there, Verdict.REPRODUCED)], [there])))
    assert [child.tag for child in case] == ["system-out"]


def test_without_claims_the_document_is_empty():
    top = ET.fromstring(junit(told([], [], Tier.FULL, "toy")))
    assert [(e.tag, e.get("tests")) for e in top.iter()] == [("testsuites", "0"), ("testsuite", "0")]


def test_a_finding_that_is_missing_is_no_pass():
    with pytest.raises(KeyError):
        junit(told([], [claim("lost")]))


@pytest.mark.parametrize(
    ("id", "classname"),
    [
        ("fast/sec4.1.2/entropy", "fast.sec4_1_2"),
        ("freezenet/table2/q0.995/test_acc", "freezenet.table2"),
        ("a.b/c.d", "a_b.c_d"),
        ("toy", "toy"),
    ],
)
def test_a_package_is_the_paper_and_a_class_the_table_or_figure(id, classname):
    never = Claim(id, "p", "Sec. 4.1; Fig. 2 left", "t", "none", None, {}, {Tier.FULL: "no"})
    (case,) = cases(junit(told([], [never], Tier.FULL, "toy")))
    assert (case.get("classname"), case.get("name")) == (classname, id)


def test_the_papers_of_this_suite_are_the_only_packages():
    claims = [claim for package in find_packages() for claim in read(path_of(package.name))]
    untested = [replace(one, checks={}, untestable=dict.fromkeys(Tier, "not here")) for one in claims]
    found = [case.get("classname").split(".") for case in cases(junit(told([], untested, Tier.FULL, "gate")))]
    assert {package for package, _ in found} == {claim.id.split("/")[0] for claim in claims}
    assert ["freezenet", "table2"] in found


# What the schemas of Ant, of Jenkins' plugin and of GitLab have in common: attributes, and children in their order.
COUNTS = {"tests": int, "failures": int, "errors": int, "time": float}
SCHEMA = {
    "testsuites": ({"name": str, **COUNTS}, ["testsuite"]),
    "testsuite": ({"name": str, "skipped": int, **COUNTS}, ["testcase", "system-out"]),
    "testcase": ({"name": str, "classname": str, "time": float}, ["skipped", "error", "failure", "system-out"]),
    "skipped": ({"message": str}, []),
    "error": ({"type": str, "message": str}, []),
    "failure": ({"type": str, "message": str}, []),
    "system-out": ({}, []),
}


def fits(element):
    attributes, children = SCHEMA[element.tag]
    order = [children.index(child.tag) for child in element]
    assert set(element.keys()) == set(attributes)
    assert all(kind(element.get(name)) >= kind("0") for name, kind in attributes.items() if kind is not str)
    assert order == sorted(order)
    assert children or not len(element)
    for child in element:
        fits(child)


def test_the_document_has_what_every_reader_expects_and_nothing_else():
    claims = [claim(name) for name in ("holds", "low", "broken", "elsewhere")]
    verdicts = (Verdict.REPRODUCED, Verdict.DEVIATES_LOW, Verdict.ERROR, Verdict.NOT_RUN)
    judged = [judge(one, verdict, adjusted=0.0, against=0.0) for one, verdict in zip(claims, verdicts, strict=True)]
    top = ET.fromstring(junit(told(judged, [*claims, claim("never", why="cannot be")], notes=["a note"])))
    fits(top)
    assert (top[0][-1].tag, top[0][-1].text) == ("system-out", "a note")
    assert [child.tag for case in top.iter("testcase") for child in case] == [
        *("system-out", "failure", "error", "skipped", "skipped")
    ]


def cases(document):
    return list(ET.fromstring(document.encode()).iter("testcase"))


OUTCOMES = st.tuples(
    st.sampled_from(["none", "no-deviation", "reproduced"]),
    st.sampled_from(list(Verdict)),
    st.sampled_from([(None, None), (0.001, 0.01), (0.04, 0.4)]),
    st.booleans(),
)


@settings(deadline=None)
@given(st.lists(OUTCOMES), st.integers(0, 3))
def test_counts_are_those_of_the_test_cases_and_failures_those_that_block(outcomes, untestable):
    claims = [claim(str(i), gate=gate) for i, (gate, *_) in enumerate(outcomes)]
    judged = [
        judge(c, verdict, against=against, adjusted=adjusted, watch=watch)
        for c, (_, verdict, (against, adjusted), watch) in zip(claims, outcomes, strict=True)
    ]
    claims += [claim(f"never-{i}", why="cannot be") for i in range(untestable)]
    document = junit(told(judged, claims))
    top = ET.fromstring(document)
    (suite,) = top
    assert [case.get("name") for case in suite] == [c.id for c in claims]
    assert all(len(case) == 1 for case in suite)
    kinds = Counter(case[0].tag for case in suite)
    expected = {"tests": len(claims), "failures": kinds["failure"], "errors": kinds["error"]}
    assert {key: int(top.get(key)) for key in expected} == expected
    assert {key: int(suite.get(key)) for key in (*expected, "skipped")} == {**expected, "skipped": kinds["skipped"]}
    assert kinds["failure"] + kinds["error"] == sum(j.blocks for j in judged)
    assert kinds["error"] == sum(j.blocks and j.finding.verdict is Verdict.ERROR for j in judged)
    assert kinds["skipped"] == untestable + sum(verdict is Verdict.NOT_RUN for _, verdict, *_ in outcomes)


def document_of(text):
    """Return a document that has `text` at every place that takes text."""
    fails, passes = claim("f" + text, text, text, line=3), claim("p" + text)
    claims = [fails, passes, claim("e" + text), claim("u" + text, why=text)]
    judged = [
        judge(fails, Verdict.INCONCLUSIVE, text, against=0.0, adjusted=0.0),
        judge(passes, Verdict.REPRODUCED, text),
        judge(claims[2], Verdict.NOT_RUN, text),
    ]
    return junit(told(judged, claims, name=text))


def forbidden(character):
    try:
        ET.fromstring(b"<a>" + f"&#{ord(character)};".encode() + b"</a>")
    except ET.ParseError:
        return True
    return False


EVERY = st.characters(exclude_categories=())


@settings(deadline=None)
@given(st.text(EVERY | st.sampled_from("\0\x0b\x1f\x85\ud800\ufffe\r\n\t <>&\"']"), max_size=20))
def test_any_text_comes_back_from_the_document_save_what_xml_forbids(text):
    expected = "".join(REPLACEMENT if forbidden(character) else character for character in text)
    fails, passes, elsewhere, never = cases(document_of(text))
    assert fails.get("name") == "toy/f" + expected
    assert fails.get("classname") == f"toy.f{expected.partition('/')[0].replace('.', '_')}"
    assert fails[0].get("message") == elsewhere[0].get("message") == never[0].get("message") == expected
    assert passes[0].text == (read_ends(expected) or None)
    assert fails[0].text == read_ends(f"{expected}: {expected}\n{expected}\n{FILE}:3")


def read_ends(text):
    """Return text with line ends as a reader of XML gets them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize("code", [0, 0xB, 0xC, 0x1F, 0xD800, 0xDFFF, 0xFFFE, 0xFFFF])
def test_a_character_that_xml_forbids_is_replaced(code):
    assert cases(document_of(f"a{chr(code)}b"))[0][0].get("message") == f"a{REPLACEMENT}b"


@pytest.mark.parametrize("code", [0x9, 0xA, 0xD, 0x20, 0x7F, 0xD7FF, 0xE000, 0xFFFD, 0x10000, 0x10FFFF])
def test_a_character_at_the_edge_of_what_xml_allows_stays(code):
    assert cases(document_of(f"a{chr(code)}b"))[0][0].get("message") == f"a{chr(code)}b"
