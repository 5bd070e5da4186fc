"""The README's figures of speed: `python -m experiments.bench throughput|controller|evotorch`.

Systems that are compared run in the same process run, one after the other within each repetition, so that whatever
else the machine does hits all of them alike; every repetition is recorded, medians are shown.
"""
