"""The state of the automatic mode, saved in auto.json, so that a stopped call goes on when it is repeated."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tenfold.automatic.choices import Draft
from tenfold.automatic.race import Trial
from tenfold.data.digests import DigestError, read_json, write_json
from tenfold.data.fields import COUNT, Number, misfit

_SCHEMA = 2
_TRIAL = {"name": str, "round": range(64), "seconds": Number(0), "val_top1": (None, float), "val_rows": COUNT,
          "fault": str, "best": str, "began": bool}
_DRAFT = {"name": str, "about": str, "settings": dict, "reasons": {str: str}}
_FIELDS = {"schema": _SCHEMA, "call": dict, "seconds": Number(0), "scoring": Number(0), "done": bool, "weights": str,
           "recipe": str, "per_class": (None, COUNT), "trials": [_TRIAL], "chosen?": _DRAFT}


@dataclass
class State:
    """What a call has tried and chosen so far, and the seconds that earlier, stopped calls used."""
    call: dict[str, Any]     # the call's arguments, images, device and version
    seconds: float = 0.0     # seconds used by earlier calls
    scoring: float = 0.0     # seconds reserved for the score
    trials: list[Trial] = field(default_factory=list)
    chosen: Draft | None = None
    per_class: int | None = None     # at most this many images of each class are used; 0: all; None: not known yet
    weights: str = ""        # file of the weights with which training begins; "": those that the recipe says
    recipe: str = ""         # SHA-256 of the recipe file as it was written; "": not yet
    done: bool = False

    def save(self, folder: Path, seconds: float) -> None:
        """Write auto.json; seconds: those used so far."""
        saved = {"schema": _SCHEMA, "call": self.call, "seconds": seconds, "scoring": self.scoring,
                "trials": [asdict(trial) for trial in self.trials], "per_class": self.per_class,
                "weights": self.weights, "recipe": self.recipe, "done": self.done}
        chosen = {"chosen": _known(asdict(self.chosen), _DRAFT)} if self.chosen else {}
        write_json(folder / "auto.json", saved | chosen)

    @classmethod
    def resumed(cls, folder: Path, call: dict[str, Any]) -> State:
        """Return the saved state if the same call was stopped, else a new one; call: plain values."""
        new, path = cls(json.loads(json.dumps(call))), folder / "auto.json"
        try:
            kept = read_json(path)
        except (OSError, ValueError, RecursionError, DigestError):       # none yet, or damaged
            return new
        if misfit(kept, _FIELDS) or kept["done"] or kept["call"] != new.call:
            return new
        chosen = kept.get("chosen")
        if chosen and chosen["settings"].keys() != chosen["reasons"].keys():
            return new
        print(f"going on with the call that was stopped after {kept['seconds']:.0f} s ({path})")
        trials = [Trial(**_known(trial, _TRIAL)) for trial in kept["trials"]]
        return cls(new.call, kept["seconds"], kept["scoring"], trials,
                   Draft(**_known(chosen, _DRAFT)) if chosen else None, kept["per_class"],
                   kept["weights"], kept["recipe"])


def _known(values: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """Return the values of these fields, without those of other versions."""
    return {name: values[name] for name in fields}
