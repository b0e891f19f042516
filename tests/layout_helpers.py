"""What the tests of folders share."""


def counts(source) -> dict:
    """{(split, class): images}."""
    found = {}
    for part, label in zip(source.official, source.labels, strict=True):
        key = part, source.classes[label]
        found[key] = found.get(key, 0) + 1
    return found
