"""The automatic mode: a folder and a budget in, a proven recipe and a scored model out.

Read in this order:
- `auto.py`: the whole procedure; `command.py` is its command line, `checks.py` what it refuses, `naming.py` the name
  of recipe, shards and run, and what becomes of a run on other images;
- `look.py`: what is known of the images; `looking.py` finds it out from a sample, with `reading.py` (one picture),
  `marks.py` (its ink), `angles.py` (whether characters are upright), `mirrors.py` (whether mirror images count),
  `colours.py` (whether colours tell the classes apart) and `subfolders.py` (whether images belong together);
- `machine.py`: how fast this machine trains each network;
- `candidates.py`: the recipes that suit the images; `ink.py`, `pictures.py` and `pretrained.py` (with `all_layers.py`,
  `last_layers.py` and `seen_pictures.py`) draft each of them, `fit.py` fits a draft to the time, `regression.py` lets a
  regression take a network's place, `choices.py` holds a draft and the reason for each of its lines;
- `selection.py`: the candidate that is chosen, and its share of the time; `race.py`: short trials, which show the
  candidate that is best on held-out rows;
- `training.py`: the shards, run and score of the chosen recipe;
- `clock.py`: how the budget is divided; `state.py`: what a repeated call needs to go on where one was stopped;
- `summary.py`: the lines at the end.
"""
