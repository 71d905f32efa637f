"""
Change the trusted code in small ways and count how many changes the unit tests notice (mutation testing, cosmic-ray).

``nox -s mutation -- [FOLDER…] [--sample N] [--seed S]``: of each folder of the package, *N* mutants chosen at random
are tested, with the tests of their module first, then with the others of that folder. Prints the score and each mutant
that survived; works on a copy.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: The trusted folders (contract §5.9), and the callback server of a sign-in.
TRUSTED = ("base", "plugin", "accounts", "stores", "provider", "tokens", "signin/callback_server.py")
#: Seconds after which a mutant counts as noticed: it hangs.
TIMEOUT = 90.0
#: Tests of a folder that need a keyring, and no other program.
OTHER_TESTS = {"stores": ["tests/whole/test_keyring.py"]}
#: ``X | None`` in an annotation is never evaluated, so such a mutant changes nothing.
ANNOTATION = "core/ReplaceBinaryOperator_BitOr"
#: Lines that only a type checker reads.
FOR_TYPES = ("if TYPE_CHECKING:", "@dataclasses.dataclass(frozen=True)")
#: A ``*`` or ``**`` that is no operator (in a call or a signature): without it the module is no Python.
STARS = ("core/ReplaceBinaryOperator_Mul_", "core/ReplaceBinaryOperator_Pow_")
#: Where a copy of the package without a change is, in the tree that is changed.
_UNCHANGED = "unchanged"


def main(arguments: list[str]) -> int:
    """Test the mutants of each folder; 0 if at least nine of ten were noticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", default=list(TRUSTED), metavar="FOLDER")
    parser.add_argument("--sample", type=int, default=40, metavar="N", help="mutants of each folder (default 40)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="choose the same mutants again")
    parser.add_argument("--tests-of", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.tests_of:
        return _run_tests(options.tests_of)
    noticed = total = 0
    with tempfile.TemporaryDirectory(prefix="m365-mutants-") as name:
        tree = Path(name, "tree")
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", ".nox", "__pycache__"))
        for folder in options.folders:
            killed, survivors = _test(tree, folder, options.sample, options.seed)
            noticed, total = noticed + killed, total + killed + len(survivors)
            sys.stdout.write(f"{folder}: {killed} of {killed + len(survivors)} noticed\n")
            sys.stdout.writelines(f"  survived: {row}\n" for row in survivors)
            sys.stdout.flush()
    sys.stdout.write(f"all: {noticed} of {total}, {noticed / total:.0%}\n")
    return 0 if noticed >= 0.9 * total else 1


def _test(tree: Path, folder: str, sample: int, seed: int) -> tuple[int, list[str]]:
    """Return how many mutants of *folder* were noticed, and those that survived as ``file:line operator``."""
    shutil.copytree(tree / "offlineimap_m365", tree / _UNCHANGED, dirs_exist_ok=True)
    command = f"{sys.executable} -m tests.mutation --tests-of {folder}"
    config, session = tree / "cosmic-ray.toml", tree / "mutants.sqlite"
    session.unlink(missing_ok=True)
    config.write_text(
        "[cosmic-ray]\n"
        f"module-path = {json.dumps(f'offlineimap_m365/{folder}')}\n"
        f"timeout = {TIMEOUT}\nexcluded-modules = []\ntest-command = {json.dumps(command)}\n"
        '[cosmic-ray.distributor]\nname = "local"\n',
        encoding="utf-8",
    )
    tool = [sys.executable, "-m", "cosmic_ray.cli"]
    # The tests must pass before a mutant counts as noticed by them.
    subprocess.run([*tool, "baseline", config.name], cwd=tree, check=True)
    subprocess.run([*tool, "init", config.name, session.name], cwd=tree, check=True)
    _choose(session, sample, seed)
    subprocess.run([*tool, "exec", config.name, session.name], cwd=tree, check=True)
    with sqlite3.connect(session) as database:
        rows = database.execute(
            "SELECT s.module_path, s.start_pos_row, s.operator_name, r.test_outcome FROM mutation_specs s "
            "JOIN work_results r ON r.job_id = s.job_id ORDER BY 1, 2"
        ).fetchall()
    survivors = [f"{path}:{line} {operator}" for path, line, operator, outcome in rows if outcome == "SURVIVED"]
    return len(rows) - len(survivors), survivors


def _run_tests(folder: str) -> int:
    """Run the tests of *folder* in the current directory, those of the module that was changed first."""
    top = folder.partition("/")[0]
    modules = Path("offlineimap_m365", top).glob("*.py")
    changed = [path.stem for path in modules if path.read_bytes() != Path(_UNCHANGED, top, path.name).read_bytes()]
    tests = [*map(str, Path("tests", "unit", top).rglob("test_*.py")), *OTHER_TESTS.get(top, [])]
    tests.sort(key=lambda test: not any(test.endswith(f"/test_{name}.py") for name in changed))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    return subprocess.run([*command, *tests], check=False).returncode


def _choose(session: Path, sample: int, seed: int) -> None:
    """Leave only *sample* mutants in the *session*, chosen by *seed*."""
    query = "SELECT job_id, operator_name, module_path, start_pos_row FROM mutation_specs ORDER BY 2, 3, occurrence"
    with sqlite3.connect(session) as database:
        rows = database.execute(query).fetchall()
        mutants = [job for job, operator, path, row in rows if not _is_pointless(operator, session.parent / path, row)]
        chosen = random.Random(seed).sample(mutants, min(sample, len(mutants)))
        marks = ",".join("?" * len(chosen))
        for table in ("mutation_specs", "work_items"):
            database.execute(f"DELETE FROM {table} WHERE job_id NOT IN ({marks})", chosen)


def _is_pointless(operator: str, module: Path, row: int) -> bool:
    """Does this *operator* at the line *row* change nothing that runs, or leave what is no Python?"""
    text = module.read_text("utf-8")
    if operator.startswith(ANNOTATION) or text.splitlines()[row - 1].strip() in FOR_TYPES:
        return True
    products = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.BinOp))
    rows = {node.lineno for node in products if isinstance(node.op, ast.Mult | ast.Pow)}
    return operator.startswith(STARS) and row not in rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
