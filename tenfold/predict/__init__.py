"""Predict labels of new pictures: `pictures` reads them, `model` labels them, `files` and `sheet` write the result."""
