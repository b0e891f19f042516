"""The audit of the pinned packages fails for a published weakness only, never for want of a network."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci/audit.py")
audit = importlib.util.module_from_spec(spec)
spec.loader.exec_module(audit)


def said(*packages) -> str:
    return json.dumps({"dependencies": list(packages), "fixes": []})


def test_only_a_published_weakness_fails():
    fine = {"name": "numpy", "version": "2", "vulns": []}
    bad = {"name": "pillow", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}, {"id": "CVE-2"}]}
    unknown = {"name": "torch", "skip_reason": "Dependency not found"}
    assert audit.verdict(said(fine, unknown), "")[0] == 0
    code, lines = audit.verdict(said(fine, bad, unknown), "Found 2 known vulnerabilities")
    assert code == 1
    assert lines == ["pillow 1: CVE-1, mended in 2", "pillow 1: CVE-2, mended in no version yet",
                     "not in the database: torch", "audit: 2 packages asked for, 1 with a published weakness"]
    for output, errors in (("", "Traceback\nConnectionError: no route"), ("{}", ""), ("[]", ""), ("null", ""),
                           (said(unknown), ""), (said(), "")):
        code, (line,) = audit.verdict(output, errors)
        assert code == 0
        assert line.startswith("audit skipped: ")


def test_every_bound_is_met_by_its_pin():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines()
                if not line.startswith("#"))

    def number(version):
        return [int(part) for part in version.split(".")]
    asked = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    for one in asked:
        name, least = re.match(r"([\w-]+)>=([\d.]+)", one).groups()
        assert number(pins[name]) >= number(least), one


def test_the_tests_that_the_security_page_names_are_there():
    page = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w.]+)`", page)
    assert len(named) > 6
    assert [name for name in named if not (ROOT / name).is_file()] == []
