"""Score a model on labelled images: metrics, confusions, figures."""
