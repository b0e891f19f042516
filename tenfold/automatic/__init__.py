"""The automatic mode: a folder and a budget in, a proven recipe and a scored model out.

Read in this order: `auto.py` (the whole of it) and `checks.py` (what it refuses), `look.py`, `marks.py`, `angles.py`
(what the images show), `machine.py` (what it can do a second), `ways.py` (the ways there are), `ink.py`, `pictures.py`
(each of them), `fit.py` (fitted to the seconds), `choices.py` (a recipe whose lines carry their reasons), `race.py`
(which way is best on held-out rows), `state.py` (how far a call is), `summary.py` (the ten lines at the end).
"""
