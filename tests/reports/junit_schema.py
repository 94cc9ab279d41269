"""The structure of JUnit files as the schema of Jenkins' JUnit plugin and of Maven Surefire have it."""

import xml.etree.ElementTree as ET

# element -> attributes that must be there, attributes that may, children in their order
STRUCTURE = {
    "testsuites": (("tests", "failures", "errors"), ("name", "skipped", "time"), ("testsuite",)),
    "testsuite": (
        ("name", "tests", "failures", "errors"),
        ("skipped", "time", "timestamp", "hostname"),
        ("properties", "testcase", "system-out", "system-err"),
    ),
    "properties": ((), (), ("property",)),
    "property": (("name", "value"), (), ()),
    "testcase": (
        ("name", "classname"),
        ("time",),
        ("properties", "skipped", "error", "failure", "system-out", "system-err"),
    ),
    "skipped": ((), ("message",), ()),
    "error": ((), ("message", "type"), ()),
    "failure": ((), ("message", "type"), ()),
    "system-out": ((), (), ()),
    "system-err": ((), (), ()),
}


def check(text: str) -> ET.Element:
    """Parse a file and assert that it is as the schema says, counts included."""
    root = ET.fromstring(text)
    assert root.tag == "testsuites"
    for element in root.iter():
        needed, allowed, children = STRUCTURE[element.tag]
        assert set(needed) <= set(element.attrib) <= {*needed, *allowed}, element.tag
        places = [children.index(child.tag) for child in element]
        assert places == sorted(places), f"children of {element.tag} out of order"
        if element.tag == "testcase":
            assert sum(child.tag in ("skipped", "error", "failure") for child in element) <= 1
    for holder in (root, *root.findall("testsuite")):
        cases = list(holder.iter("testcase"))
        assert int(holder.attrib["tests"]) == len(cases)
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(holder.attrib[name]) == sum(case.find(tag) is not None for case in cases)
    names = [(case.attrib["classname"], case.attrib["name"]) for case in root.iter("testcase")]
    assert len(set(names)) == len(names), "two cases of one name"
    return root
