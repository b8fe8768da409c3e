"""Contenders timed side by side: each runs once a round, in turn, so that a slow moment hits them all."""

import statistics
import time


def milliseconds(benchmark, contenders, rounds, units):
    """Return each contender's median time for one of its `units` of work; the warm-up round does not count."""
    seconds = {name: [] for name in contenders}

    def one_round():
        for name, contender in contenders.items():
            started = time.perf_counter()
            contender()
            seconds[name].append(time.perf_counter() - started)

    benchmark.pedantic(one_round, rounds=rounds, iterations=1, warmup_rounds=1)
    found = {name: 1e3 * statistics.median(s[1:]) / units for name, s in seconds.items()}
    benchmark.extra_info |= {"milliseconds": found}
    return found


def show(title, found):
    """Print the times and their ratios to the engine's."""
    print(f"\n{title}")
    for name, value in found.items():
        print(f"  {name:32} {value:7.2f}   {value / found['engine']:5.2f}x the engine's")
