"""Methods compared over seeds, as a table and as a page: `python examples/compare_methods.py`, about a minute."""

import compactrl

SETTINGS = {
    "chromatic": {"method": "chromatic", "partitions": 3, "hidden": 8},
    "toeplitz": {"method": "toeplitz", "hidden": 8},
    "linear": {"method": "linear"},
}

for name, options in SETTINGS.items():
    for seed in range(2):
        compactrl.search("Pendulum-v1", **options, seed=seed, steps="200k", out=f"runs/{name}-{seed}")

report = compactrl.compare("runs")
print(report.to_markdown())
print(report.pareto("bytes"))
print(report.save("runs/report.html"))
