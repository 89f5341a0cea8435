"""GitLab's Code Quality report, which merge requests show.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

import hashlib
import json
from collections import Counter

from mlreef_hooks.cli.formats.found import Found

_SEVERITIES = {"error": "major", "warning": "minor"}


def as_gitlab(found: Found) -> str:
    """The report: a list with an object for each finding."""
    seen: Counter[str] = Counter()
    report = []
    for problem in found.problems:
        path = found.place(problem)
        # Without the line, so that a finding that only moved is not a new one.
        what = f"{problem.rule}\0{path}\0{problem.message}"
        seen[what] += 1
        report.append({
            "description": f"{problem.message}: {problem.hint}",
            "check_name": problem.rule,
            "fingerprint": hashlib.sha256(f"{what}\0{seen[what]}".encode()).hexdigest(),
            "severity": _SEVERITIES[problem.severity],
            "location": {"path": path, "lines": {"begin": problem.line or 1}},
        })  # fmt: skip
    return json.dumps(report, indent=2)
