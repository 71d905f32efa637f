"""
Lint, types, import fences and tests, each in an environment of its own.

``tests/run`` calls this as an ordinary user, after it installed Debian's packages. By hand: ``nox -s lint``.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv"

SUPPORTED = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
#: The Python for lint and for the whole suite: Debian 12's, else the newest.
MAIN = next((v for v in ("3.11", *reversed(SUPPORTED)) if shutil.which(f"python{v}")), "3.11")
OTHERS = [v for v in SUPPORTED if v != MAIN and shutil.which(f"python{v}")]
#: Those that a usual run tests: what breaks is what one of them is the first to have, or the last.
EDGES = OTHERS if os.environ.get("M365_TESTS_LONG") else list(dict.fromkeys([*OTHERS[:1], *OTHERS[-1:]]))
nox.options.sessions = ["lint", "tests", *(f"matrix-{version}" for version in EDGES)]
#: An older interpreter, under which a distribution's OfflineIMAP may load the pythonfile.
FOREIGN = [v for v in ("3.9",) if shutil.which(f"python{v}")]
#: The lowest MSAL that pyproject.toml allows (Debian 13's) and the newest; both releases of OfflineIMAP.
MSAL, OFFLINEIMAP = ("msal==1.32.3", "msal<2"), ("offlineimap==8.0.2", "offlineimap==8.0.3")
#: What an installation from source needs, for tests that install without the network.
BUILDING = ("hatchling>=1.27", "hatch-fancy-pypi-readme>=24.1", "pip", "setuptools", "offlineimap", "msal<2")

CONSTRAINTS = ("--constraint", "tests/setup/constraints.txt")
#: Seconds after which one test counts as hanging; the slowest waits 25 s for OfflineIMAP's autorefresh.
TEST_TIMEOUT = 240
#: Per cent of each module's lines and branches that the unit tests must run; pyproject.toml has the floor for all.
COVERAGE = 80
#: Modules that run in processes of their own, which are not measured; and gpg's, where its tests are skipped.
UNMEASURED = (
    *("__main__.py", "pythonfile.py", "doctor/offlineimaprc/run_child.py", "stores/keyring_child.py"),
    *(() if Path("/usr/bin/gpg").exists() else ("stores/gpg.py",)),
)


@nox.session(python=MAIN)
def lint(session: nox.Session) -> None:
    """Check style, types, import fences and dead code."""
    session.install(*CONSTRAINTS, *_groups("test", "checks"))
    session.run("ruff", "check", "--no-fix", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy", "--strict", "--cache-dir", str(_work() / "mypy"))
    session.run("lint-imports", "--no-cache")
    session.run("vulture")


@nox.session(python=MAIN)
def unit(session: nox.Session) -> None:
    """Run the unit tests only: no Debian package is needed."""
    _install(session)
    _measure(session, "tests/unit", "tests/setup", "-m", "not long")


@nox.session(python=MAIN)
def tests(session: nox.Session) -> None:
    """Run all tests on the main Python, with servers, programs and every build of OfflineIMAP."""
    _install(session)
    wheel = _wheel(session)
    _inventory(session, wheel, [_product(session, MAIN, wheel, *pair) for pair in zip(MSAL, OFFLINEIMAP, strict=True)])
    _measure(session, *_chosen())


@nox.session(python=OTHERS)
def matrix(session: nox.Session) -> None:
    """Run on another Python what can differ there: the unit tests, and the tests marked ``matrix``."""
    _install(session)
    wheel = _wheel(session)
    version = str(session.python)
    pairs = zip(MSAL, reversed(OFFLINEIMAP), strict=True)
    _inventory(session, wheel, [_product(session, version, wheel, *pair) for pair in pairs])
    _pytest(session, *_chosen("(matrix or not whole) and not once"), *session.posargs)


@nox.session(python=MAIN)
def mutation(session: nox.Session) -> None:
    """Count how many small changes of the trusted code the unit tests notice."""
    _install(session, "cosmic-ray>=8.4")
    session.run("python", "-m", "tests.mutation", *session.posargs)


@nox.session(python=MAIN, name="try")
def show(session: nox.Session) -> None:
    """Show the whole way: a sign-in, a sync with OfflineIMAP, a mail sent with msmtp."""
    _install(session, "offlineimap==8.0.2")
    session.run("python", "-m", "tests.demo", *session.posargs)


def _install(session: nox.Session, *more: str) -> None:
    """Install this checkout with what the tests import."""
    session.install(*CONSTRAINTS, *_groups("test"), ".", *more)


def _groups(*names: str) -> list[str]:
    """Return the requirements of dependency groups of pyproject.toml."""
    return nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), *names)


def _work() -> Path:
    """Return the directory for what is worth keeping between runs."""
    return Path(os.environ.get("M365_TESTS_CACHE", ".nox/cache")).absolute()


def _pytest(session: nox.Session, *arguments: str) -> None:
    """Run pytest; many tests wait, so there are three workers more than processors."""
    workers = str(min(4, os.cpu_count() or 2) + 3)
    fixed = ["-q", "-p", "no:cacheprovider", "-n", workers, "--dist", "worksteal", "--timeout", str(TEST_TIMEOUT)]
    session.run("pytest", *fixed, "--durations", "10", *arguments)


def _measure(session: nox.Session, *arguments: str) -> None:
    """Run pytest and fail where the unit tests cover too little; a part of the tests (posargs) is not measured."""
    if session.posargs:
        _pytest(session, *arguments, *session.posargs)
        return
    directory = Path(session.create_tmp()).absolute()  # the checkout may be read-only
    session.env["COVERAGE_FILE"] = str(directory / "coverage")
    report = directory / "coverage.json"
    _pytest(session, *arguments, "--cov", "--cov-report", f"json:{report}")
    files = json.loads(report.read_text(encoding="utf-8"))["files"]
    shares = {name.rpartition("offlineimap_m365/")[2]: row["summary"]["percent_covered"] for name, row in files.items()}
    low = [f"{name} {share:.0f} %" for name, share in shares.items() if share < COVERAGE and name not in UNMEASURED]
    if low:
        session.error(f"The unit tests cover less than {COVERAGE} % of {', '.join(low)}")


def _chosen(*expressions: str) -> list[str]:
    """Return pytest's -m: the long storms only with M365_TESTS_LONG."""
    parts = [*expressions, *([] if os.environ.get("M365_TESTS_LONG") else ["not long"])]
    return ["-m", " and ".join(parts)] if parts else []


def _wheel(session: nox.Session) -> Path:
    """Return the wheel of this checkout, built with what is installed."""
    target = Path(session.create_tmp()).absolute() / "wheel"
    shutil.rmtree(target, ignore_errors=True)
    session.run("uv", "build", "-q", "--wheel", "--no-build-isolation", "-o", str(target), ".", external=True)
    return next(target.glob("*.whl"))


def _product(session: nox.Session, version: str, wheel: Path, msal: str, offlineimap: str) -> dict[str, object]:
    """Make the virtual environment of a user, and return its row of the inventory."""
    venv = Path(session.create_tmp()).absolute() / f"{msal}-{offlineimap}".replace("==", "").replace("<2", "")
    session.run("uv", "venv", "-q", "--clear", "--python", f"python{version}", str(venv), external=True)
    wanted = [str(wheel), msal, offlineimap, "keyring>=24"]
    session.run("uv", "pip", "install", "-q", "--python", str(venv), *wanted, external=True)
    names = [path.stem.split("-") for path in venv.glob("lib/python*/site-packages/*.dist-info")]
    found = {name: number for name, number in names if name in ("msal", "offlineimap")}
    return {"version": version, "python": str(venv / "bin/python"), "venv": str(venv), **found}


def _inventory(session: nox.Session, wheel: Path, products: list[dict[str, object]]) -> None:
    """
    Write what there is to test with to a JSON file, and name it in ``M365_TESTS_ENVIRONMENTS``.

    ``wheel`` of this checkout; ``products``: virtual environments of a user; ``pythons``: interpreters, with a
    directory of ``wheels`` to install from without the network; ``distribution``: its OfflineIMAP, or null.
    """
    version = str(session.python)
    wheels: dict[str, str | None] = dict.fromkeys(FOREIGN)
    for installing in (version, *(OTHERS[-1:] if version == MAIN else [])):
        wheels[installing] = str(_wheels(session, installing))
    rows = [{"version": v, "python": shutil.which(f"python{v}"), "wheels": folder} for v, folder in wheels.items()]
    path = Path(session.create_tmp()).absolute() / "environments.json"
    content = {"wheel": str(wheel), "products": products, "pythons": rows, "distribution": _distribution(session)}
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    session.env["M365_TESTS_ENVIRONMENTS"] = str(path)


def _wheels(session: nox.Session, version: str) -> Path:
    """Return a directory of wheels, made once a month: MSAL, OfflineIMAP, and for the main Python what builds."""
    folder = _work() / f"wheels-{version}-{time.strftime('%Y-%m')}"
    if not (folder / "complete").exists():
        wanted = list(BUILDING) if version == MAIN else ["msal<2"]
        python = ["uv", "run", "-q", "--no-project", "--python", f"python{version}", "--with", "pip", "python"]
        session.run(*python, "-m", "pip", "-q", "wheel", "--wheel-dir", str(folder), *wanted, external=True)
        (folder / "complete").touch()
    return folder


def _distribution(session: nox.Session) -> dict[str, str] | None:
    """Return Debian's OfflineIMAP, with the version of its Python and of its MSAL (empty without one)."""
    program = Path("/usr/bin/offlineimap")
    if not program.exists():
        return None
    ask = (
        "import sys, importlib.util as u; print('%d.%d' % sys.version_info[:2]); "
        "print(__import__('msal').__version__ if u.find_spec('msal') else '')"
    )
    version, msal = str(session.run("/usr/bin/python3", "-I", "-c", ask, external=True, silent=True)).split("\n")[:2]
    return {"offlineimap": str(program), "python": "/usr/bin/python3", "version": version, "msal": msal}
