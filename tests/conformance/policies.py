"""moto's validator of lifecycle policies against ours.

    policies.py BINARY GRAMMAR WILD     each policy of the two fixtures is read by moto's EcrLifecyclePolicyValidator and by
                                        `BINARY lifecycle lint -`

The verdicts must be the same, except where docs/conformance.md says so: EXPECTED has those by the policy's name.
"""

import json
import subprocess
import sys

from moto.ecr.exceptions import InvalidParameterException
from moto.ecr.policy_validation import EcrLifecyclePolicyValidator

# What moto does not know of today's grammar, and refuses.
NEWER = {
    "AWS: filtering on last pulled time",
    "AWS: filtering on archive transition time",
    "AWS: archive by age",
    "AWS: combining archive and expire rules",
    "transitioned after 90 days",
    "untagged once per storage class",
    "prefix once per storage class",
    "storageClass standard written out",
}
# What moto does not look at, and takes.
UNSEEN = {
    # Whether a list goes with tagStatus, and what is in it.
    "AWS: six wildcards",
    "any with a list",
    "both lists",
    "empty list",
    "list of other things",
    "no list at all",
    "tagged without a list",
    "untagged with a list",
    "a list that the module leaves empty for untagged",
    # Whether countUnit goes with countType.
    "age without a unit",
    "count with a unit",
    "a null that jsonencode made of an unset variable",
    # Types and ranges.
    "count 1.5",
    "count beyond what fits",
    "description is no text",
    # Rules beside each other.
    "any before tagged",
    "any twice",
    "prefix twice",
    "priority twice",
    "untagged twice",
}
EXPECTED = {"refused by moto only": NEWER, "taken by moto only": UNSEEN}


def policies(grammar, wild):
    with open(grammar, encoding="utf-8") as file:
        for case in json.load(file):
            # At least 100 characters, as ECR wants it.
            yield case["name"], json.dumps({"rules": case["rules"]}).ljust(100)
    with open(wild, encoding="utf-8") as file:
        for case in json.load(file):
            yield case["name"], case["text"]


def moto_takes(text):
    try:
        EcrLifecyclePolicyValidator(text).validate()
    except InvalidParameterException:
        return True, False
    except (AttributeError, TypeError):
        # It trips over values of another type instead of refusing them.
        return False, False
    return True, True


def we_take(binary, text):
    command = [binary, "lifecycle", "lint", "-", "--fail-on", "never"]
    ran = subprocess.run(command, input=text, text=True, capture_output=True, env={}, check=False)
    if ran.returncode not in (0, 3):
        sys.exit(f"{ran.args} exits {ran.returncode}: {ran.stderr}")
    return ran.returncode == 0


def main():
    binary, grammar, wild = sys.argv[1:]
    found = {"refused by moto only": set(), "taken by moto only": set()}
    same = tripped = 0
    for name, text in policies(grammar, wild):
        (told, theirs), ours = moto_takes(text), we_take(binary, text)
        tripped += not told
        if theirs == ours:
            same += 1
        else:
            found["taken by moto only" if theirs else "refused by moto only"].add(name)
    wrong = []
    for kind, expected in EXPECTED.items():
        wrong += [f"{kind}, not expected: {name}" for name in sorted(found[kind] - expected)]
        wrong += [f"{kind} no longer: {name}" for name in sorted(expected - found[kind])]
    print(f"{same} verdicts are the same; moto tripped over {tripped}; " + "; ".join(f"{kind}: {len(names)}" for kind, names in found.items()))
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
