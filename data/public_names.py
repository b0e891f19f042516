"""Name the public sets that `tenfold fetch` writes; `public` knows how each is read."""

SET_NAMES = ("cifar10", "cifar100", "emnist-balanced", "emnist-byclass", "fashion-mnist", "kmnist", "mnist", "sample",
             "svhn")
