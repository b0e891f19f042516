"""Score a model on labelled images.

Read in this order: `scoring` (score(), the public function), `evaluate` (a network over a split), `tta` (several views
of each image), `metrics` (pure functions), `seen` (what the model was trained on), `files` and `figures` (what is
written), `command` (the command line).
"""
