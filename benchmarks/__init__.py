"""
What Outrider costs, each figure beside its floor and its bar, all measured in the same run: `make bench`.

A module here has `measure(short) -> list[Figure]`. Figures are medians and ratios of interleaved measurements: machines are noisy.
"""
