"""A pole balanced by two weights, its true return, and its C: `python examples/first_search.py`, some ten seconds."""

import compactrl

run = compactrl.search("CartPole-v1", method="chromatic", partitions=2, hidden=4, stop_at=490, out="runs/pole")
print(run.summary["return_mean"], "of 500;", run.summary["baselines"]["random"]["return_mean"], "by random actions")

policy = run.policy  # needs no run: policy.save("pole") and compactrl.load_policy("pole") keep it alone
print(policy.predict([0.0, 0.1, 0.02, 0.0]), policy.size)

exported = compactrl.export(run, "runs/pole-c")
print(exported.manifest["bytes"], "bytes of tables in", exported.path / "policy.c")
