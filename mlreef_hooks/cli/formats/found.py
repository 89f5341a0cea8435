"""What a form is made from."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.problems import Problem
from mlreef_hooks.validation import Validation


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was found, and the project's `folder` as a code host sees it: relative, empty at the
    top.
    """

    validation: Validation
    folder: str = ""

    @property
    def problems(self) -> Sequence[Problem]:
        """The findings, in the order of their places."""
        return self.validation.problems

    @property
    def manifests(self) -> Sequence[ModuleManifest]:
        """The modules, as far as they could be read."""
        return self.validation.manifests

    def place(self, problem: Problem) -> str:
        """The path of a finding from the top; `.` where it is about the project as a whole."""
        return posixpath.normpath(posixpath.join(self.folder, problem.path))
