"""The state of the automatic mode, saved in auto.json, so that a stopped call goes on when it is repeated."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tenfold.automatic.choices import Draft
from tenfold.automatic.race import Trial
from tenfold.data.digests import DigestError, read_json, write_json
from tenfold.data.errors import UserFault
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
    done: bool = False       # the call has ended, and no later one goes on from it

    def end(self, folder: Path) -> None:
        """Let no later call go on from this one, which failed, if any of it was saved."""
        kept = _kept(folder)
        if kept and kept["call"] == self.call:
            with contextlib.suppress(UserFault):             # such as a full disk; what ended the call is reported
                write_json(folder / "auto.json", kept | {"done": True})

    def save(self, folder: Path, seconds: float) -> None:
        """Write auto.json; seconds: those used so far."""
        saved = {"schema": _SCHEMA, "call": self.call, "seconds": seconds, "scoring": self.scoring,
                "trials": [asdict(trial) for trial in self.trials], "per_class": self.per_class,
                "weights": self.weights, "recipe": self.recipe, "done": self.done}
        chosen = {"chosen": _known(asdict(self.chosen), _DRAFT)} if self.chosen else {}
        write_json(folder / "auto.json", saved | chosen)

    @classmethod
    def resumed(cls, folder: Path, call: dict[str, Any]) -> State | None:
        """Return the saved state if the same call was stopped, else None; call: plain values."""
        kept = _kept(folder)
        if not kept or kept["done"] or kept["call"] != call:
            return None
        chosen = kept.get("chosen")
        if chosen and chosen["settings"].keys() != chosen["reasons"].keys():
            return None
        print(f"going on with the call that was stopped after {kept['seconds']:.0f} s ({folder / 'auto.json'})")
        trials = [Trial(**_known(trial, _TRIAL)) for trial in kept["trials"]]
        return cls(call, kept["seconds"], kept["scoring"], trials,
                   Draft(**_known(chosen, _DRAFT)) if chosen else None, kept["per_class"],
                   kept["weights"], kept["recipe"])


def kept_call(folder: Path) -> dict[str, Any]:
    """Return the call that auto.json in the folder is of; {}: there is none, or it cannot be read."""
    return dict(_kept(folder).get("call", {}))


def _kept(folder: Path) -> dict[str, Any]:
    """Return what auto.json in the folder holds; {}: there is none, or it is damaged or of another version."""
    try:
        kept = read_json(folder / "auto.json")
    except (OSError, ValueError, RecursionError, DigestError):
        return {}
    return {} if misfit(kept, _FIELDS) else dict(kept)


def _known(values: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """Return the values of these fields, without those of other versions."""
    return {name: values[name] for name in fields}
