"""What the tools cost before they are used."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_no_tool_loads_torch_or_the_window():
    modules = [f"core.tools.{file.stem}" for file in (ROOT / "core" / "tools").glob("*.py") if file.stem != "__init__"]
    assert len(modules) >= 10
    code = f"import sys, {', '.join(modules)}; print([m for m in ('torch', 'faiss', 'PySide6') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
