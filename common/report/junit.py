"""Findings as a JUnit XML document, which CI services show as test results."""

import re
import xml.etree.ElementTree as ET

from common.claims.judge import Judged
from common.claims.verdict import Verdict
from common.report.report import Report
from common.run.origins import mixed

_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
REPLACEMENT = "\ufffd"


def junit(report: Report) -> str:
    """Return the document, with one test case for every declared claim, in the order of declaration.

    A case's package is the paper and its class the table or figure, the first two parts of a claim's id. What blocks is
    an error or a failure; what was not run or cannot be tested in this tier is skipped. Judging takes no time to speak
    of, but readers expect one. Characters that XML forbids are replaced. Notes about all of them stand below the cases.
    """
    tier, found = report.tier, {j.claim.id: j for j in report.judged}
    top = ET.Element("testsuites", name=report.name)
    suite = ET.SubElement(top, "testsuite", name=f"{report.name}, {tier.value} tier")
    for claim in report.claims:
        case = ET.SubElement(suite, "testcase", classname=_class(claim.id), name=claim.id, time="0")
        if tier in claim.untestable:
            ET.SubElement(case, "skipped", message=claim.untestable[tier])
        else:
            _outcome(case, found[claim.id])
    counts = {"tests": len(report.claims)}
    counts |= {f"{kind}s": len(suite.findall(f"testcase/{kind}")) for kind in ("failure", "error")}
    for counted in (top, suite):
        counted.attrib.update({key: str(count) for key, count in counts.items()} | {"time": "0"})
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    if note := "\n".join(filter(None, ("; ".join(report.notes), *mixed(report.origins)))):
        ET.SubElement(suite, "system-out").text = note
    for element in top.iter():
        element.attrib.update({key: _allowed(text) for key, text in element.items()})
        element.text = _allowed(element.text or "")
    ET.indent(top)
    document: bytes = ET.tostring(top, encoding="utf-8", xml_declaration=True)
    return document.decode() + "\n"


def _class(id: str) -> str:
    """Return a class name whose one dot parts the package from the class, as readers take it apart."""
    return ".".join(part.replace(".", "_") for part in id.split("/")[:2])


def _outcome(case: ET.Element, judged: Judged) -> None:
    """Add to a test case what its claim's finding is."""
    claim, finding = judged.claim, judged.finding
    if finding.verdict is Verdict.NOT_RUN:
        ET.SubElement(case, "skipped", message=finding.sentence)
    elif judged.blocks:
        kind = "error" if finding.verdict is Verdict.ERROR else "failure"
        outcome = ET.SubElement(case, kind, type=finding.verdict.value, message=finding.sentence)
        outcome.text = f"{claim.source}: {claim.statement}\n{finding.sentence}\n{claim.file}:{judged.check.line}"
    else:
        ET.SubElement(case, "system-out").text = finding.sentence


def _allowed(text: str) -> str:
    return _FORBIDDEN.sub(REPLACEMENT, text)
