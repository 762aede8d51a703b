"""Writes requirements.lock and requirements-dev.lock: what this environment has, pinned.

Run it (`make gen` does) after a dependency in pyproject.toml changed and the tests pass with what is
installed. The launcher installs exactly these versions and makes `.venv` anew when the files change.
"""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADER = "# Written by codegen/lock.py from pyproject.toml; the launcher installs exactly this.\n"


def requirement_name(requirement: str) -> str:
    """The canonical project name in a requirement such as `a_b[extra]>=1; marker`."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement.strip())
    assert found is not None, requirement
    return re.sub(r"[-_.]+", "-", found.group()).lower()


def applies(requirement: str) -> bool:
    """Whether the marker of a requirement holds here; requirements of extras do not."""
    from packaging.requirements import Requirement

    marker = Requirement(requirement).marker
    return marker is None or marker.evaluate({"extra": ""})


def closure(roots: list[str]) -> dict[str, str]:
    """Name -> installed version of the requirements and of all that they need."""
    pins: dict[str, str] = {}
    queue = [requirement_name(root) for root in roots]
    while queue:
        name = queue.pop()
        if name in pins:
            continue
        distribution = metadata.distribution(name)
        pins[name] = distribution.version
        queue += [requirement_name(need) for need in distribution.requires or [] if applies(need)]
    return pins


def write(path: Path, pins: dict[str, str]) -> None:
    path.write_text(HEADER + "".join(f"{name}=={pins[name]}\n" for name in sorted(pins)))
    print(f"{path.name}: {len(pins)} packages")


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = closure([*project["project"]["dependencies"], "setuptools"])
    development = closure(project["project"]["optional-dependencies"]["dev"])
    write(ROOT / "requirements.lock", runtime)
    write(ROOT / "requirements-dev.lock", {name: pin for name, pin in development.items() if name not in runtime})


if __name__ == "__main__":
    main()
