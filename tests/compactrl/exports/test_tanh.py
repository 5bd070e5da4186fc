"""The rational tanh keeps its bound for every float that matters, fused multiply-adds or not."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from exporting import needs_gcc

from compactrl.exports.c import render
from compactrl.exports.numbers import literal
from compactrl.exports.tanh import BOUND, CLAMP, DENOMINATOR, NUMERATOR, horner

EXHAUSTIVE = """
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
%s
int main(void)
{
    double worst = 0.0;
    uint32_t bits;
    for (bits = %uu; bits <= %uu; bits++) {
        float x, minus;
        double difference;
        memcpy(&x, &bits, sizeof x);
        difference = fabs((double)policy_tanh(x) - tanh((double)x));
        minus = -x;
        if (difference > worst) worst = difference;
        if (policy_tanh(minus) != -policy_tanh(x)) return 2;
    }
    printf("%%.9g %%.9g %%.9g", worst, (double)policy_tanh(9.0f), (double)policy_tanh(1e30f));
    return 0;
}
"""


def function():
    return render(
        "tanh.c.j2",
        name="policy",
        clamp=literal(CLAMP),
        numerator=horner(tuple(map(literal, NUMERATOR)), "z"),
        denominator=horner(tuple(map(literal, DENOMINATOR)), "z"),
    )


def bits(value):
    return int(np.float32(value).view(np.uint32))


@needs_gcc
@pytest.mark.parametrize("fused", [False, True])
def test_every_float_from_a_small_one_to_the_clamp_is_within_the_bound(tmp_path, fused):
    if fused and "fma" not in Path("/proc/cpuinfo").read_text(encoding="utf-8"):
        pytest.skip("this processor fuses nothing")
    (tmp_path / "all.c").write_text(EXHAUSTIVE % (function(), bits(2.0**-13), bits(CLAMP)), encoding="utf-8")
    flags = ["-mfma", "-ffp-contract=fast"] if fused else ["-ffp-contract=off"]
    subprocess.run(["gcc", "-O2", *flags, "all.c", "-lm", "-o", "all"], cwd=tmp_path, check=True)
    printed = subprocess.run([tmp_path / "all"], capture_output=True, text=True, check=True).stdout
    worst, beyond, far = map(float, printed.split())
    assert 1e-7 < worst <= BOUND
    assert beyond == far
    assert abs(far - 1) <= BOUND


def test_below_the_smallest_tried_the_bound_follows_from_the_first_terms():
    x = 2.0**-13
    numerator, denominator = (np.polynomial.Polynomial(part) for part in (NUMERATOR, DENOMINATOR))
    ratios = numerator(np.linspace(0, x, 1000) ** 2) / denominator(np.linspace(0, x, 1000) ** 2)
    assert np.abs(ratios - 1).max() < 1e-6  # so |r(x) - x| < 2^-13 · 1e-6, and |tanh x - x| < x³ / 3
    assert x * 1e-6 + x**3 / 3 + 2.0**-24 * x * 16 < BOUND / 1000
