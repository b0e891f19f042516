"""The names of the public sets that `tenfold fetch` can download; `public` reads them."""

SET_NAMES = ("cifar10", "cifar100", "emnist-balanced", "emnist-byclass", "fashion-mnist", "kmnist", "mnist", "sample",
             "svhn")
