"""The agreed targets beside what was measured, or the test that shows it."""

import measure
import rows
import tools
from tables import table


class Judge:
    """Collects the lines; a figure that a selection of rows left out is not judged."""

    def __init__(self, results):
        self.results = results
        self.body = []

    def pair(self, network, image, tool=tools.OURS):
        for row in self.results.get("copies", []):
            if (row["network"], row["image"], row["tool"]) == (network, image, tool):
                return row
        return None

    def limit(self, target, measured, limit, show="{}"):
        """At most the limit."""
        if measured is not None:
            self.line(target, show.format(measured), measured <= limit)

    def least(self, target, measured, limit, show="{:.2f}"):
        if measured is not None:
            self.line(target, show.format(measured), measured >= limit)

    def line(self, target, measured, met):
        self.body.append([target, measured, "yes" if met is True else "**no**" if met is False else met])

    def faster(self, network, image, tool, kind="fresh"):
        """How many times the wall time of demitasse the tool takes."""
        ours, theirs = self.pair(network, image), self.pair(network, image, tool)
        return theirs[kind].seconds / ours[kind].seconds if ours and theirs else None


def head(results):
    judge = Judge(results)
    requests(judge)
    depth(judge)
    wall(judge)
    fan_out(judge)
    many(judge)
    streaming(judge)
    started = results.get("start")
    if started:
        middle = sorted(started)[len(started) // 2] * 1000
        judge.limit("start-up to first request: at most 30 ms of CPU", middle, 30, "{:.1f} ms")
    test = "`tests/chaos.rs`, `tests/interrupted.rs`, `tests/damaged.rs`"
    judge.line("every interrupted promotion is completed by the next run, nothing half-visible", test, "by test")
    return table(["target", "measured", "met?"], judge.body)


# Blobs of the index, each counted once: two configs, 20 layers, two configs and two statements of its attestations.
INDEX_CHILDREN = 4
INDEX_BLOBS = 26


def without_referrers(one):
    """What signs an image is looked up and copied besides, so the targets leave it out: referrers, and tags made of its digest."""
    def of_image(request):
        tagged = request["operation"] == "BatchGetImage" and (request["reference"] or "").startswith("sha256-")
        return not tagged and request["operation"] != "ListImageReferrers"

    return [request for request in one.requests if of_image(request)]


def requests(judge):
    network = next((row["network"] for row in judge.results.get("copies", [])), None)
    for image, layers in (("l1", 1), ("l10", 10), ("l40", 40)):
        for tool, more in ((tools.OURS, 0), (tools.CREATING, 3)):
            row = judge.pair(network, image, tool)
            if row:
                beyond = " + 3, creating the repository" if more else ""
                name = f"{image}: at most L + 9{beyond} = {layers + 9 + more} requests"
                judge.limit(name, len(without_referrers(row["fresh"])), layers + 9 + more)
    for tool, more in ((tools.OURS, 0), (tools.CREATING, 3)):
        row = judge.pair(network, "m2x10att", tool)
        if row:
            limit = 9 + INDEX_CHILDREN + INDEX_BLOBS + more
            name = f"m2x10att: at most 9 + P + ΣB{' + 3, creating' if more else ''} = {limit} requests"
            judge.limit(name, len(without_referrers(row["fresh"])), limit)
    ours = [row for row in judge.results.get("copies", []) if row["tool"] in (tools.OURS, tools.CREATING)]
    if ours:
        heads = sum(one["method"] == "HEAD" for row in ours for one in row["fresh"].requests)
        judge.limit("no HEAD for a blob", heads, 0)
    judge.line("a nearly full window: 2 requests more", "`tests/guard.rs`", "by test")


def depth(judge):
    for image, most, trips in (("l1", 3, 5), ("l10", 3, 5), ("l40", 3, 5), ("m2x10att", 5, 7)):
        for tool, more in ((tools.OURS, 0), (tools.CREATING, 1)):
            row = judge.pair("h2-100", image, tool)
            if row:
                name = f"{image}{', creating' if more else ''}"
                waits = [one for one in without_referrers(row["fresh"]) if one["operation"] != "PutLifecyclePolicy"]
                # Nothing waits for the policy: it is put beside the mounts.
                rounds = measure.rounds(waits, 100)
                judge.limit(f"{name}: at most {most + more} dependent rounds", rounds, most + more)
                measured = row["fresh"].seconds * 10
                # Half a round trip is the CPU's.
                limit = trips + more + 1.5
                told = f"{name}: about {trips + more} round trips in all, and one for the referrers (HTTP/2)"
                judge.limit(told, measured, limit, "{:.1f}")
    row = judge.pair("h2-100", "l10")
    if row:
        judge.limit("nothing to do: at most 1 round", row["again"].rounds, 1)
        judge.limit("nothing to do: about 3 round trips in all", row["again"].seconds * 10, 3.5, "{:.1f}")


def wall(judge):
    for tool, network, limit in (
        ("crane -j 64", "tls-100", 1.5),
        ("crane -j 64", "h2-100", 1.8),
        ("crane", "tls-100", 4),
        ("crane", "h2-100", 4),
        ("skopeo", "tls-100", 8),
        ("skopeo", "h2-100", 8),
    ):
        protocol = "HTTP/2" if network.startswith("h2") else "HTTP/1.1"
        name = f"40 layers, RTT 100 ms, {protocol}: at least {limit} times as fast as {tool}"
        judge.least(name, judge.faster(network, "l40", tool), limit)
    for network, protocol in (("tls-100", "HTTP/1.1"), ("h2-100", "HTTP/2")):
        for tool in ("regctl", "regctl, 64"):
            slower = judge.faster(network, "l40", tool, "again")
            name = f"nothing to do, RTT 100 ms, {protocol}: at most 0.8 of {tool}"
            judge.limit(name, 1 / slower if slower else None, 0.8, "{:.2f}")


def fan_out(judge):
    measured = judge.results.get("fan-out", [])
    for image in dict.fromkeys(row["image"] for row in measured):
        of = {row["tool"]: row["fresh"] for row in measured if row["image"] == image}
        ours, crane = of[tools.OURS], of["crane"]
        index = image == "m2x10att"
        judge.limit(f"{image} to {rows.FAN_OUT} repositories under quotas: no failure", ours.failed, 0)
        most = 0.3 if index else 0.4
        share = len(ours.requests) / len(crane.requests)
        judge.limit(f"{image} to {rows.FAN_OUT}: at most {most} of crane's requests", share, most, "{:.2f}")
        if index:
            # PutImage: ten at once, then ten a second.
            floor = (rows.FAN_OUT * (INDEX_CHILDREN + 1) - 10) / 10
            name = f"{image} to {rows.FAN_OUT}: at most 1.25 of the quota's own floor, {floor:.0f} s"
            judge.limit(name, ours.seconds / floor, 1.25, "{:.2f}")


def many(judge):
    ours = [row for row in judge.results.get("configs", []) if row["tool"] == tools.OURS]
    if not ours:
        return
    least, most = ours[0], ours[-1]
    count, one = most["count"], most["again"]
    judge.limit(f"{count} configs, nothing to do: one process, at most 150 MB", one.memory * 1.048576, 150, "{:.0f} MB")
    if least is not most:
        few = len(least["again"].requests) / least["count"]
        many = len(one.requests) / count
        judge.line("requests linear", f"{few:.2f} and {many:.2f} for a config", many <= few * 1.05)
    judge.limit(f"{count} configs: no 429 that ends the run", one.failed, 0, "{} failed, " + f"{one.throttled} times 429")


def streaming(judge):
    measured = judge.results.get("streaming", [])
    for secure in (False, True):
        of = {row["tool"]: row for row in measured if row["secure"] == secure}
        if not of:
            continue
        ours, network = of.pop(tools.OURS), "TLS" if secure else "no TLS"
        beyond = ours["fresh"].memory - ours["base"].memory
        judge.limit(f"streaming 1 GiB, {network}: at most 64 MB above the baseline", beyond * 1.048576, 64, "{:.0f} MB")
        best = min(row["fresh"].seconds for row in of.values() if not row["fresh"].failed)
        name = f"streaming 1 GiB, {network}: throughput at least the best peer's"
        judge.least(name, best / ours["fresh"].seconds, 1, "{:.2f} times")
