"""Rows as Markdown."""

import rows
import tools
import worlds

MEDIA = {"http": "HTTP without TLS", "tls": "TLS, HTTP/1.1", "h2": "TLS, HTTP/2"}


def table(head, body):
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, line))} |" for line in body)])


def wall(one):
    text = f"{one.seconds:.2f} s" if one.seconds >= 10 else f"{one.seconds * 1000:.0f} ms"
    return f"{text}, {one.failed} failed" if one.failed else text


def ratio(one, ours):
    return f"{one.seconds / ours.seconds:.1f}"


def copies(measured):
    """One table for each network and image."""
    parts = []
    for network in dict.fromkeys(row["network"] for row in measured):
        medium, rtt = network.split("-")
        parts.append(f"### {MEDIA[medium]}, round-trip time {rtt} ms")
        of_network = [row for row in measured if row["network"] == network]
        for image in dict.fromkeys(row["image"] for row in of_network):
            chosen = [row for row in of_network if row["image"] == image]
            parts.append(f"**{image}**, {worlds.ABOUT[image]}:\n\n{copied(chosen, int(rtt), medium == 'h2')}")
    return "\n\n".join(parts)


def copied(chosen, rtt, depth):
    """Round trips need some; which request waits for which is plain only where all go over one connection."""
    ours = next(row for row in chosen if row["tool"] == tools.OURS)
    head = ["tool", "requests", "wall", "×", "CPU", "memory", "nothing to do: requests", "wall", "×"]
    if rtt >= 100:
        head.insert(4, "round trips")
    if depth:
        head.insert(5, "rounds, fresh / nothing to do")
    body = []
    for row in chosen:
        fresh, again = row["fresh"], row["again"]
        line = [row["tool"], len(fresh.requests), wall(fresh), ratio(fresh, ours["fresh"])]
        if rtt >= 100:
            line.append(f"{fresh.seconds * 1000 / rtt:.1f}")
        if depth:
            line.append(f"{fresh.rounds} / {again.rounds}")
        line += [f"{fresh.cpu * 1000:.0f} ms", f"{fresh.memory:.0f} MiB"]
        body.append([*line, len(again.requests), wall(again), ratio(again, ours["again"])])
    return table(head, body)


def fan_out(measured):
    parts = []
    for image in dict.fromkeys(row["image"] for row in measured):
        chosen = [row for row in measured if row["image"] == image]
        ours = next(row["fresh"] for row in chosen if row["tool"] == tools.OURS)
        body = [
            [
                row["tool"],
                f"{row['fresh'].failed} of {1 if row['tool'] == tools.OURS else rows.FAN_OUT}",
                len(row["fresh"].requests),
                f"{len(row['fresh'].requests) / len(ours.requests):.1f}",
                row["fresh"].throttled,
                f"{row['fresh'].seconds:.1f} s",
                ratio(row["fresh"], ours),
                f"{row['fresh'].cpu:.1f} s",
                f"{row['fresh'].memory:.0f} MiB",
            ]
            for row in chosen
        ]
        head = ["tool", "processes failed", "requests", "×", "429", "wall", "×", "CPU", "memory of all"]
        parts.append(f"**{image}**, {worlds.ABOUT[image]}:\n\n{table(head, body)}")
    return "\n\n".join(parts)


def configs(measured):
    body = [
        [
            row["count"],
            row["tool"] if row["tool"] == tools.OURS else f"{row['tool']}, once for each",
            len(row["again"].requests),
            row["again"].throttled,
            f"{row['again'].seconds:.1f} s",
            f"{row['again'].cpu:.2f} s",
            f"{row['again'].memory:.0f} MiB",
        ]
        for row in measured
    ]
    return table(["configs", "tool", "requests", "429", "wall", "CPU", "memory"], body)


def streaming(measured):
    body = []
    for row in measured:
        one = row["fresh"]
        body.append(
            [
                "TLS, HTTP/1.1" if row["secure"] else "HTTP without TLS",
                row["tool"],
                len(one.requests),
                wall(one),
                f"{1024 / one.seconds:.0f} MiB/s",
                f"{one.cpu:.1f} s",
                f"{one.memory:.0f} MiB",
                f"{one.memory - row['base'].memory:+.0f} MiB",
            ]
        )
    return table(["network", "tool", "requests", "wall", "throughput", "CPU", "memory", "beyond a small layer"], body)


def registries(measured):
    body = []
    for row in measured:
        of = [one for one in measured if (one["server"], one["image"]) == (row["server"], row["image"])]
        reference = next((one for one in of if one["tool"] == tools.OURS), of[0])
        fresh, again = row["fresh"], row["again"]
        beside = [ratio(fresh, reference["fresh"]), ratio(again, reference["again"])]
        body.append([row["server"], row["image"], row["tool"], wall(fresh), beside[0], wall(again), beside[1]])
    return table(["server", "image", "tool", "wall", "×", "nothing to do: wall", "×"], body)
