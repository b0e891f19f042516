"""Random augmentation of batches on the device."""
