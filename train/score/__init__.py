"""Score a model on labelled images.

Read in this order: `scoring` (score(), the public function), `evaluate` (a network over a split), `tta` (several views
of each image), `metrics` (pure functions), `files` and `figures` (what is written), `command` (the command line).
"""
