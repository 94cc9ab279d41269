"""The frame of a JUnit file: suites with their counts, and text that XML can hold."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

# What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document_text(name: str, properties: Sequence[tuple[str, str]], cases: Sequence[ET.Element]) -> str:
    """Return a file of one suite of that name, with its counts."""
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": sum(case.find("error") is not None for case in cases),
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
    written = {key: str(count) for key, count in counts.items()}
    root = ET.Element("testsuites", {"name": "headroom", **written})
    suite = ET.SubElement(root, "testsuite", {"name": cleaned(name), **written, "time": "0"})
    listed = ET.SubElement(suite, "properties")
    for key, value in properties:
        add_property(listed, key, value)
    suite.extend(cases)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def cleaned(text: str) -> str:
    """Replace what XML 1.0 cannot hold, not even escaped."""
    return _FORBIDDEN.sub("\ufffd", text)


def add_property(parent: ET.Element, name: str, value: str) -> None:
    """Add one property to a `properties` element."""
    ET.SubElement(parent, "property", {"name": name, "value": cleaned(value)})
