"""What other programs read: JUnit for build servers, SARIF 2.1.0 for code scanning."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from cbtguard.audit.case import Suite
from cbtguard.audit.outcome import Verdict
from cbtguard.audit.report.words import read_words

if TYPE_CHECKING:
    from cbtguard.audit.report.document import Report

# What XML 1.0 cannot hold, by any escape.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAGS = {Verdict.FAIL: "failure", Verdict.ERROR: "error", Verdict.LEFT_OUT: "skipped"}


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def to_junit(report: Report) -> str:
    """Return junit.xml: a test suite for each target and suite, a test for each case."""
    root = ET.Element("testsuites", name=f"cbtguard audit {report.audit.date}")
    for target in report.audit.targets:
        outcomes = [one for one in report.audit.outcomes if one.target == target.name]
        for suite in Suite:
            here = [one for one in outcomes if report.cases[one.case].suite is suite]
            if not here:
                continue
            counts = {tag: sum(_TAGS.get(one.verdict) == tag for one in here) for tag in _TAGS.values()}
            node = ET.SubElement(
                root,
                "testsuite",
                name=_xml(f"{target.name}.{suite.value}"),
                tests=str(len(here)),
                failures=str(counts["failure"]),
                errors=str(counts["error"]),
                skipped=str(counts["skipped"]),
                time=f"{sum(one.ms for one in here) / 1000:.3f}",
            )
            for one in here:
                test = ET.SubElement(
                    node,
                    "testcase",
                    classname=_xml(f"{target.name}.{suite.value}"),
                    name=_xml(one.case),
                    time=f"{one.ms / 1000:.3f}",
                )
                if one.verdict in _TAGS:
                    found = ET.SubElement(test, _TAGS[one.verdict], message=_xml(one.why))
                    if one.verdict is not Verdict.LEFT_OUT:
                        case = report.cases[one.case]
                        found.set("type", case.expect.value)
                        found.text = _xml("\n".join((*case.turns, case.reason)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def to_sarif(report: Report) -> str:
    """Return report.sarif: a rule for each suite, a result for each failure and error."""
    words = read_words()
    rules = [
        {
            "id": suite.value,
            "name": suite.value.title().replace("_", ""),
            "shortDescription": {"text": words.suites[suite]["title"]},
            "fullDescription": {"text": words.suites[suite]["about"]},
            "defaultConfiguration": {"level": words.suites[suite]["severity"]},
        }
        for suite in Suite
    ]
    order = list(Suite)
    results: list[dict[str, Any]] = []
    for one in report.audit.outcomes:
        if one.verdict not in {Verdict.FAIL, Verdict.ERROR}:
            continue
        suite = report.cases[one.case].suite
        level = "error" if one.verdict is Verdict.ERROR else words.suites[suite]["severity"]
        results.append(
            {
                "ruleId": suite.value,
                "ruleIndex": order.index(suite),
                "kind": "fail",
                "level": level,
                "message": {"text": f"{one.target}: {one.case}: {_xml(one.why)}"},
                "locations": [
                    {
                        "physicalLocation": {
                            "artifactLocation": {"uri": "report.json"},
                            "region": {"startLine": 1},
                        },
                        "logicalLocations": [
                            {
                                "name": one.case,
                                "fullyQualifiedName": f"{one.target}/{one.case}",
                                "kind": "member",
                            }
                        ],
                    }
                ],
                "partialFingerprints": {"targetAndCase/v1": f"{one.target}/{one.case}"},
                "properties": {"target": one.target, "verdict": one.verdict.value},
            }
        )
    document = {
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "cbtguard audit",
                        "semanticVersion": report.audit.version,
                        "rules": rules,
                    }
                },
                "results": results,
                "columnKind": "unicodeCodePoints",
            }
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
