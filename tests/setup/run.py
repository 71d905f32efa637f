"""
``tests/run`` and ``tests/try``: install what is missing, then run nox on a copy of the checkout as an ordinary user.

As root, tests of modes and owners cannot fail, so root hands over to the system user ``m365-tests``.
"""

from __future__ import annotations

import argparse
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.setup import debian, pythons

ROOT = Path(__file__).resolve().parents[2]
USER = "m365-tests"
#: What installing may know of the environment: proxies, certificates, pip's and uv's settings. Tests get none of it.
INSTALLING = ("PIP_", "UV_", "HTTP", "http", "NO_PROXY", "no_proxy", "ALL_PROXY", "SSL_CERT_", "REQUESTS_CA_BUNDLE")
#: The sessions of noxfile.py; without one, nox runs all that belong to a release.
SESSIONS = {"run": [], "quick": ["lint", "tests"], "unit": ["lint", "unit"], "try": ["try"]}


def main(arguments: list[str]) -> int:
    """Do what the command line says and return the exit code: that of nox, or 1 if something could not be run."""
    options, rest = _parse(arguments)
    packages = debian.FOR_TRYING if options.kind == "try" else () if options.kind == "unit" else debian.FOR_TESTING
    wanted = debian.missing(packages)
    if wanted and not debian.can_install():
        _say(f"Missing, and only root on Debian or Ubuntu can install them: {' '.join(wanted)}")
        if options.kind == "try":
            return 1
        _say("So only lint, types and unit tests run, and this run counts as failed. Without that: tests/run --unit")
        return _nox(options, rest, "unit") or 1
    if wanted:
        _say(f"Debian packages to install, with no service started: {' '.join(wanted)}")
        asks = not options.yes and sys.stdin.isatty()
        if asks and input("Go on? [y/N] ").strip().lower() not in {"y", "yes"}:
            return 1
        debian.install(wanted)
    return _nox(options, rest, options.kind)


def _nox(options: argparse.Namespace, rest: list[str], kind: str) -> int:
    """Run nox's sessions on a copy of the checkout, as an ordinary user."""
    user = _ordinary_user()
    work = Path(os.environ.get("M365_TESTS_WORK") or f"/var/tmp/offlineimap-m365-tests-{os.geteuid()}")
    caches = work / "caches"
    caches.mkdir(mode=0o755, parents=True, exist_ok=True)
    run = Path(tempfile.mkdtemp(prefix="m365-"))  # a short name: the path of a Unix socket ends at 107 characters
    try:
        _copy_checkout(run / "tree")
        for name in ("home", "tmp"):
            (run / name).mkdir(mode=0o700)
        if user:
            subprocess.run(["chown", "-R", f"{USER}:", str(run), str(caches)], check=True)
        uid = user.pw_uid if user else None
        path = os.pathsep.join(
            [str(caches / "nox/bin"), *pythons.directories(work, uid), "/usr/bin:/bin:/usr/sbin:/sbin"]
        )
        environ = {name: value for name, value in os.environ.items() if name.startswith(INSTALLING)} | {
            "HOME": str(run / "home"),
            "TMPDIR": str(run / "tmp"),
            "PATH": path,
            "LANG": "C.UTF-8",
            "UV_CACHE_DIR": str(caches / "uv"),
            "UV_PYTHON_DOWNLOADS": "never",
            "M365_TESTS_CACHE": str(caches),
            **({"M365_TESTS_LONG": "1"} if options.long else {}),
        }

        def call(*command: str) -> int:
            return subprocess.run(
                command,
                cwd=run / "tree",
                env=environ,
                umask=0o022,
                check=False,
                user=uid,
                group=user.pw_gid if user else None,
                extra_groups=[] if user else None,
            ).returncode

        if not (caches / "nox/bin/nox").exists():
            found = [shutil.which(f"python{version}", path=path) for version in pythons.VERSIONS]
            call([name for name in found if name][-1], "-m", "venv", str(caches / "nox"))
            if call(str(caches / "nox/bin/pip"), "-q", "install", "nox[uv]>=2025.5.1"):
                return 1
        sessions = ["-s", *SESSIONS[kind]] if SESSIONS[kind] else []
        more = [] if kind == "try" else ["--no-error-on-missing-interpreters", "--error-on-external-run"]
        return call("nox", *more, "--envdir", str(run / "nox"), *sessions, "--", *rest)
    finally:
        if options.keep:
            _say(f"Kept: {run}")
        else:
            shutil.rmtree(run, ignore_errors=True)


def _ordinary_user() -> pwd.struct_passwd | None:
    """Return the system user that root hands over to, made if it is missing; None for everybody else."""
    if os.geteuid() != 0:
        return None
    if USER not in {entry.pw_name for entry in pwd.getpwall()}:
        home = ["--create-home", "--home-dir", f"/var/lib/{USER}"]
        subprocess.run(["useradd", "--system", "--user-group", *home, "--shell", "/bin/sh", USER], check=True)
    return pwd.getpwnam(USER)


def _copy_checkout(target: Path) -> None:
    """Copy the files that git tracks or would track; of an sdist, which has no .git, all but hidden ones."""
    if (ROOT / ".git").exists():
        # safe.directory: root in a user's checkout; git only lists files here.
        command = ["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z", "-co", "--exclude-standard"]
        listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split("\0")
    else:
        paths = [path.relative_to(ROOT) for path in ROOT.rglob("*")]
        listed = [str(path) for path in paths if not any(part.startswith(".") for part in path.parts)]
    for name in listed:
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def _parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return our options, and what stands after ``--`` for pytest or the demonstration."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    text = "What stands after -- goes to pytest (tests/try: to the demonstration)."
    parser = argparse.ArgumentParser(description=text)
    kinds = parser.add_mutually_exclusive_group()
    about = {"quick": "one Python only", "unit": "lint, types and unit tests, which need no Debian package"}
    for name in (*about, "try"):
        words = about.get(name, argparse.SUPPRESS)
        kinds.add_argument(f"--{name}", dest="kind", action="store_const", const=name, help=words)
    parser.add_argument("--long", action="store_true", help="the long form of the storms too")
    parser.add_argument("--keep", action="store_true", help="keep the directory in which it ran")
    parser.add_argument("--yes", action="store_true", help="install without asking")
    parser.set_defaults(kind="run")
    return parser.parse_args(arguments[:cut]), arguments[cut + 1 :]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
