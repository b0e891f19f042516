"""What is done for each copy: random views, their geometry, and the pixels."""
