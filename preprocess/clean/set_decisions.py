"""SetDecisions: the polarity, paper tone and level ranges that are decided once for all pictures of a set."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SetDecisions:
    """Decisions that hold for every picture of a set; `common` in dataset.json."""
    polarity: str            # "keep", "dark" or "light"; "each": each picture by its own vote
    paper: int = -1          # tone of the ground, 0..255, where pictures are cut so tight that some are ink alone
    ranges: tuple[tuple[str, float, float], ...] = ()        # (kind, lowest, highest), see preprocess.decode.levels

    @classmethod
    def of(cls, table: dict) -> "SetDecisions":
        """Rebuild it from the table in dataset.json: undoes dataclasses.asdict and JSON. Other keys are passed over."""
        known = {name: table[name] for name in ("polarity", "paper") if name in table}
        return cls(**known, ranges=tuple(map(tuple, table["ranges"])))
