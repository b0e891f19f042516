"""Train, validation and test by source image, and which images must stay together."""
