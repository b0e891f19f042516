"""Ask pip-audit for published weaknesses of the packages in constraints.txt; exit code 1 where there are any.

Where the database cannot be asked (no network, pip-audit not installed) it is skipped, with the reason, and code 0.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PINS = Path(__file__).resolve().parents[1] / "constraints.txt"
AT_MOST = 120                # seconds


def main() -> int:
    """Print what pip-audit found, or why it could not be asked."""
    if not importlib.util.find_spec("pip_audit"):
        print("audit skipped: pip-audit is not installed (pip install pip-audit)")
        return 0
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(PINS), "--no-deps", "--disable-pip",
               "--format=json", "--progress-spinner=off"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=AT_MOST)
    except subprocess.TimeoutExpired:
        print(f"audit skipped: no answer within {AT_MOST} s")
        return 0
    code, lines = verdict(ran.stdout, ran.stderr)
    print(*lines, sep="\n")
    return code


def verdict(output: str, errors: str) -> tuple[int, list[str]]:
    """Return the exit code and the lines for people, from what pip-audit printed."""
    try:
        packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, LookupError, TypeError):
        said = errors.strip().splitlines() or ["nothing was said"]
        return 0, [f"audit skipped: the database of weaknesses could not be asked ({said[-1].strip()[:200]})"]
    asked = [package for package in packages if "skip_reason" not in package]
    if not asked:
        return 0, ["audit skipped: the database of weaknesses knows none of the packages, as where there is no network"]
    bad = [package for package in asked if package.get("vulns")]
    lines = [f"{package['name']} {package['version']}: {weakness['id']}, mended in "
             f"{', '.join(weakness.get('fix_versions') or ['no version yet'])}"
             for package in bad for weakness in package["vulns"]]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    lines += [f"not in the database: {', '.join(unknown)}"] if unknown else []
    return int(bool(bad)), [*lines, f"audit: {len(asked)} packages asked for, {len(bad)} with a published weakness"]


if __name__ == "__main__":
    sys.exit(main())
