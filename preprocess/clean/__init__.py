"""What is done once for each source image, and the cache of the results."""
