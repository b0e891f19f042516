"""The automatic mode: a folder and a budget in, a proven recipe and a scored model out.

Read in this order: `auto.py` (the whole of it) and `checks.py` (what it refuses), `look.py`, `marks.py`, `angles.py`
(what the images show), `looking.py` and `mirrors.py` (how they are looked at), `machine.py` (what it can do a
second), `candidates.py` (the recipes that come into question), `ink.py`, `pictures.py` (each of them), `fit.py`
(fitted to the seconds), `choices.py` (the draft of a recipe, whose lines carry their reasons), `race.py` (which
candidate is best on held-out rows), `clock.py` (what is left of the budget), `state.py` (how far a call is),
`summary.py` (the ten lines at the end).
"""
