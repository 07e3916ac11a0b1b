"""Checks values of a report that `demitasse promote --output json` wrote.

    report.py FILE KEY=JSON…        a key is a path with dots: summary.transferred=0 configs.0.images.0.action='"promoted"'
"""

import json
import sys


def at(value, path):
    for step in path.split("."):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        report = json.load(file)
    wrong = []
    for argument in sys.argv[2:]:
        path, _, expected = argument.partition("=")
        found = at(report, path)
        if found != json.loads(expected):
            wrong.append(f"{path} is {json.dumps(found)}, not {expected}")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
