"""The lifecycle policy that `promote` and `bootstrap` install, for the worlds of the benchmarks."""


def policy(keep):
    """Keeps so many tagged images."""

    def rule(priority, selection):
        return {"rulePriority": priority, "selection": selection, "action": {"type": "expire"}}

    def tagged(pattern, count):
        return {"tagStatus": "tagged", "tagPatternList": [pattern], "countType": "imageCountMoreThan", "countNumber": count}

    untagged = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 30}
    return {"rules": [rule(1, tagged("inuse-*", 9999)), rule(2, tagged("*", keep)), rule(3, untagged)]}
