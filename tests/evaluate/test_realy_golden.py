"""REALY's golden values: made with the benchmark's own program on a synthetic face (`golden_grid`).

The recipe in `golden_grid` regenerates every input. Agreement asked for: 1e-4 mm, 5e-6 in the scale.
"""

from __future__ import annotations

import numpy as np
import pytest

import golden_grid as golden
from hiface.evaluate.realy_regions import REGIONS, evaluate_pair

TOLERANCE_MM = 1e-4

#       scale      nose      mouth     forehead  cheek     all
FINAL = {
    "A": (1.000000, 0.0, 0.0, 0.0, 0.0, 0.0),
    "B": (0.270270, 0.0, 0.0, 0.0, 0.0, 0.0),
    "C": (1.003354, 0.832522, 0.381912, 0.027942, 0.076691, 0.3298),
    "D": (0.271177, 0.832522, 0.381912, 0.027943, 0.076691, 0.3298),
    "E": (1.001351, 0.942332, 0.905229, 0.951596, 0.960878, 0.9400),
    "F": (1.020154, 4.523855, 0.970548, 0.187633, 0.331257, 1.5033),
    "G": (0.979931, 0.167072, 0.132259, 0.431932, 0.386086, 0.2793),
    "H": (1.017479, 0.869267, 0.412565, 1.066365, 1.118715, 0.8667),
}
BEFORE = {
    "C": (0.78630, 0.37977, 0.02723, 0.07657),
    "E": (0.90466, 0.90140, 0.95107, 0.96017),
    "F": (4.51239, 0.97009, 0.18196, 0.33084),
    "G": (0.15516, 0.12779, 0.36971, 0.38500),
    "H": (0.81766, 0.40325, 1.04442, 1.11854),
}
DEFORMATION = {
    "C": (0.70443, 0.34587, 0.02221, 0.07460),
    "E": (0.79765, 0.86013, 0.94412, 0.93718),
    "F": (4.46494, 0.94251, 0.16224, 0.31457),
    "G": (0.10982, 0.11840, 0.43126, 0.38270),
    "H": (0.76107, 0.39974, 1.05296, 1.11732),
}


def test_the_synthetic_face_has_the_sizes_of_its_recipe():
    patches = golden.scan().patches
    sizes = {name: (len(patch.vertices), len(patch.triangles)) for name, patch in patches.items()}
    assert sizes == {"nose": (459, 832), "mouth": (493, 896), "forehead": (1881, 3584), "cheek": (1458, 2630)}
    assert len(golden.anchors().corners) == 85


@pytest.mark.parametrize("case", FINAL)
def test_golden_values(case):
    errors = evaluate_pair(golden.prediction(case), golden.anchors(), golden.scan())
    scale, *regions, mean = FINAL[case]
    assert errors.alignment.scale == pytest.approx(scale, abs=1e-6)
    found = [errors.of(region).error_mm for region in REGIONS]
    np.testing.assert_allclose(found, regions, rtol=0, atol=TOLERANCE_MM)
    assert errors.all_mm == pytest.approx(mean, abs=1e-4)
    assert not any(errors.of(region).capped for region in REGIONS)
    if case in BEFORE:
        before = [errors.of(region).before_mm for region in REGIONS]
        moved = [errors.of(region).deformation_mm for region in REGIONS]
        np.testing.assert_allclose(before, BEFORE[case], rtol=0, atol=TOLERANCE_MM)
        np.testing.assert_allclose(moved, DEFORMATION[case], rtol=0, atol=TOLERANCE_MM)
