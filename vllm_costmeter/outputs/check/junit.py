"""Fit checks as a JUnit XML report: one test case per deployment.

Attributes and elements as in the schema of Jenkins' xUnit plugin (junit-10.xsd) and in
https://github.com/testmoapp/junitxml (2026-11-28), with the `file` and `line` that GitLab and others read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from vllm_costmeter.core.fit.report import CheckAnswer
from vllm_costmeter.outputs.check.changes import first_change

NAME = "costmeter check"
_NOT_XML = re.compile("[^\\t\\n\\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 does not allow."""


def junit_xml(answers: Sequence[CheckAnswer], *, strict: bool = False) -> str:
    """The report. Refused (with `strict` also tight) is a failure, unknown or bad input an error, waived a skipped
    test."""
    cases = [_case(answer, strict) for answer in answers]
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": sum(case.find("error") is not None for case in cases),
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
    numbers = {name: str(count) for name, count in counts.items()}
    of_all = {name: number for name, number in numbers.items() if name != "skipped"}  # only suites have it
    suites = ElementTree.Element("testsuites", {"name": NAME, **of_all})
    suite = ElementTree.SubElement(suites, "testsuite", {"name": NAME, **numbers})
    suite.extend(cases)
    ElementTree.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(suites, encoding="unicode")}\n'


def _case(answer: CheckAnswer, strict: bool) -> ElementTree.Element:
    place = {} if answer.file is None else {"file": answer.file, "line": str(answer.line)}
    attributes = {"name": answer.title, "classname": answer.file or NAME, **place}
    case = ElementTree.Element("testcase", {key: _allowed(value) for key, value in attributes.items()})
    message, change = answer.sentence, first_change(answer.fit)
    where = f"{answer.place}: " if answer.place else ""
    whole = f"{where}{message}" + (f"\nTry {change}" if change else "")
    if answer.waiver is not None:
        said = f"{answer.waiver.in_words} ({message})"
        ElementTree.SubElement(case, "skipped", {"message": _allowed(said)})
    elif answer.exit_code(strict=strict):
        reason = "bad_input" if answer.fit is None and answer.is_bad_input else "not_understood"
        if answer.fit is not None and answer.fit.reason is not None:
            reason = answer.fit.reason
        tag = "failure" if answer.verdict in ("refused", "tight") else "error"
        failed = ElementTree.SubElement(case, tag, {"message": _allowed(message), "type": reason})
        failed.text = _allowed(whole)
    else:
        ElementTree.SubElement(case, "system-out").text = _allowed(whole)
    return case


def _allowed(text: str) -> str:
    return _NOT_XML.sub("?", text)
