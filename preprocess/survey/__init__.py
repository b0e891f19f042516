"""Read and clean every source image, and decide what only the whole set can decide."""
