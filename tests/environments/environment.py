"""What an environment is: its services, what the worker is told of them, and what happens there."""

from __future__ import annotations

from faults import Script
from scene import Scene
from stand import Surroundings


class Environment(Surroundings):
    """One of those that production may have. A class of this kind stands in `catalogue.py`."""

    name = ""
    about = ""
    rate = 12.0
    """Requests a second, dialogues included, while the script goes on."""
    members = 60
    most_s = 900.0
    """The load is planned for so long; it ends with the script."""
    log = "info,ssammu_worker=debug,librdkafka=info"

    def __init__(self, short: bool) -> None:
        self.short = short

    def missing(self) -> str | None:
        """Why it cannot be run on this machine."""
        return None

    def script(self, scene: Scene) -> Script:
        """What happens, event by event; yields the seconds until it wants to go on."""
        raise NotImplementedError

    def excuse(self, violation: str) -> str | None:
        """Why what the judge found is no fault here."""
        return None
