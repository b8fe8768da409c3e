"""What is told: the claims of a run, what was found of each, and where the records come from."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.claims.claim import Claim
from common.claims.judge import Judged
from common.experiment import Tier
from common.run.origins import Origins


@dataclass(frozen=True)
class Report:
    """A run of a package, or of several, judged.

    `name` is what the report is called, `origins` is where its records come from. `notes` are sentences about all of
    it, such as what part of the declared run it is.
    """

    name: str
    tier: Tier
    claims: Sequence[Claim]
    judged: Sequence[Judged]
    origins: Origins
    notes: Sequence[str] = ()
