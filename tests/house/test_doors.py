"""One public door a package: `__all__` is sorted, complete and importable."""

import ast
import importlib
from pathlib import Path

import pytest

from tests.house.tree import ROOT, module_name, parse, sources

DOORS = [path for path in sources() if path.name == "__init__.py" and path != ROOT / "engine" / "__init__.py"]


def declared(tree: ast.Module) -> list[str] | None:
    """Return `__all__` as it is written."""
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and target.id == "__all__" and value is not None:
            names: list[str] = ast.literal_eval(value)
            return names
    return None


def offered(door: Path) -> list[str]:
    """Return the public names that a door defines, or takes from a module of its own package."""
    package, tree, names = module_name(door), parse(door), list[str]()
    guarded = [child for node in tree.body if isinstance(node, ast.If) for child in node.body]
    for node in [*tree.body, *guarded]:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(package):
            modules = door.parent if node.module == package else ROOT.joinpath(*node.module.split("."))
            taken = [alias for alias in node.names if not has_module(modules, alias.name)]
            names += [alias.asname or alias.name for alias in taken]
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [target.id for target in targets if isinstance(target, ast.Name)]
    return sorted({name for name in names if not name.startswith("_")})


def as_ruff_sorts(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def has_module(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file()


@pytest.mark.parametrize("door", DOORS, ids=module_name)
def test_a_door_is_sorted_and_complete(door: Path) -> None:
    names = declared(parse(door))
    assert names is not None or offered(door) == [], "a package's __init__.py states __all__"
    assert names is None or names == sorted(names, key=as_ruff_sorts)
    assert sorted(names or ()) == offered(door)


@pytest.mark.parametrize("door", DOORS, ids=module_name)
def test_what_a_door_offers_can_be_imported(door: Path) -> None:
    module = importlib.import_module(module_name(door))
    assert [name for name in declared(parse(door)) or () if not hasattr(module, name)] == []


def test_every_source_folder_is_a_package() -> None:
    folders = {path.parent for path in sources()}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []
