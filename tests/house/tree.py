"""The files of the project, as the house tests read them."""

import ast
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
GATEWAY: Final = ROOT / "gateway"
_LEFT_OUT: Final = frozenset(
    {
        ".git",
        ".venv",
        "steeple.egg-info",
        "node_modules",
        "__pycache__",
        "artefacts",
        ".hypothesis",
        ".ruff_cache",
        ".pytest_cache",
    }
)


def project_files() -> list[Path]:
    """Every file that a release would hold: those git tracks or would track; without git, all but caches."""
    names = _names_of_git()
    if names is not None:
        found = [ROOT / name for name in names]
    else:
        found = [path for path in ROOT.rglob("*") if not _LEFT_OUT.intersection(path.relative_to(ROOT).parts)]
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def _names_of_git() -> list[str] | None:
    """What git knows; None without git, or outside a checkout."""
    if shutil.which("git") is None:
        return None
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    return [name for name in listed.stdout.decode().split("\0") if name] if listed.returncode == 0 else None


def text_of(path: Path) -> str | None:
    """The text of a file, or None for one that holds no text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def relative(path: Path) -> str:
    """How a finding names a file."""
    return path.relative_to(ROOT).as_posix()


def python_modules() -> list[str]:
    """The dotted names of all modules of the gateway."""
    return sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in GATEWAY.rglob("*.py")
    )


def docstrings_of(tree: ast.AST) -> set[int]:
    """The `id()` of each string that only documents: docstrings, and the strings below a field or a constant."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


def words_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, text) of every identifier and every string that is not documentation."""
    documentation = docstrings_of(tree)
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Constant(value=str(text)) if id(node) not in documentation:
                yield line, text
            case ast.alias(name=dotted) | ast.ImportFrom(module=str(dotted)):
                yield line, dotted.replace(".", " ")
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield line, name
            case ast.keyword(arg=str(name)):
                yield line, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield line, name
            case _:
                pass
