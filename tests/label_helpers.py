"""What the tests of labels outside of folders share: images of two classes, and a table of their labels."""

NAMES = [f"{i:02}" for i in range(12)]
TWO = {(None, "cat"): 6, (None, "dog"): 6}


def kind(name: str) -> str:
    return ("cat", "dog")[int(name) % 2]


def table(line="{path},{label}", head="id,breed", path="{}", names=NAMES) -> str:
    lines = [line.format(path=path.format(name), label=kind(name), i=int(name), third=int(name) % 3) for name in names]
    return "\n".join([*([head] if head else []), *lines, ""])
