"""What lies below src/pybernetes/api is what codegen/generate.py writes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

GENERATOR = Path(__file__).parents[3] / "codegen" / "generate.py"


def test_the_generated_modules_are_current() -> None:
    spec = importlib.util.spec_from_file_location("generate", GENERATOR)
    assert spec is not None and spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    files: dict[Path, str] = generator.generated()
    stale = [path.name for path, text in files.items() if not path.exists() or path.read_text() != text]
    assert stale == []
    written = set(generator.OUT.rglob("v*.py"))
    assert written <= set(files)
