"""Refuses to build a wheel: the project runs from its checkout."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

REFUSED = (
    "plasticity-bench is not published and has no wheel: its packages have generic names (common, papers), and the "
    "expectations stay in the checkout; install it from there, editable: pip install -e ."
)


class EditableOnly(BuildHookInterface):  # type: ignore[type-arg]
    """Lets editable installations pass and ends every other build of a wheel with one line."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Refuse all but the `editable` version."""
        if version != "editable":
            self.app.abort(REFUSED)
