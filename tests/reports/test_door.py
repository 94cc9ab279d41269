import subprocess
import sys

import reports


def test_every_public_name_is_there_and_in_order() -> None:
    assert reports.__all__ == sorted(reports.__all__)
    for name in reports.__all__:
        assert getattr(reports, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(reports, "nothing_of_that_name")


def test_importing_the_door_loads_no_heavy_library() -> None:
    heavy = "{'numpy', 'scipy', 'matplotlib', 'pandas', 'jinja2', 'rich'}"
    code = f"import sys, reports, reports.exits; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
