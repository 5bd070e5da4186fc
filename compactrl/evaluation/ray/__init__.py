"""The evaluator on Ray workers, on this machine or on many."""
