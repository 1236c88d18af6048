"""What the results of a run say: a few lines, and ``docs/processes.md``."""
from collections import Counter
def summary(results):
    """Return how many cells have each verdict."""
    verdicts = Counter(cell["verdict"] for result in results for cell in result["cells"])
    return ", ".join(f"{n} {verdict}" for verdict, n in sorted(verdicts.items()))
