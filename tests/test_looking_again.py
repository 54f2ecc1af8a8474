"""Where the network is in doubt it looks at crops beside, and keeps the surest."""

import numpy as np
import torch

from hiface.model import DOUBT, HiFace, crops_beside
from hiface.network.points import SeenPoints
from hiface.photo.crop import CropBox
from hiface.reconstructor import Prediction

BOX = CropBox((100.0, 80.0), 50.0, 0.1)


class Doubtful(HiFace):
    """Expects the error that `errors` says of a box."""

    def __init__(self, errors):
        self.errors, self.seen = errors, []

    def predict(self, photo, boxes, twice=False):
        self.seen.append(list(boxes))
        sigma = torch.tensor([[self.errors(box)] * 3 for box in boxes]).log()
        return Prediction(None, sigma, SeenPoints(torch.zeros(len(boxes), 3, 2), sigma)), None


def test_a_sure_network_looks_once():
    model = Doubtful(lambda box: DOUBT / 2)
    boxes, _ = model._sure(None, [BOX, BOX])
    assert boxes == [BOX, BOX]
    assert len(model.seen) == 1


def test_in_doubt_the_surest_crop_beside_is_taken_and_the_others_stay():
    best, sure = crops_beside(BOX)[4], CropBox((10.0, 10.0), 20.0, 0.0)
    model = Doubtful(lambda box: DOUBT / 3 if box in (best, sure) else 4 * DOUBT)
    boxes, prediction = model._sure(None, [sure, BOX])
    assert boxes == [sure, best]
    np.testing.assert_allclose(prediction.log_sigma.exp(), DOUBT / 3, rtol=1e-5)


def test_crops_beside_show_the_same_face():
    for box in crops_beside(BOX):
        assert np.hypot(box.centre[0] - 100, box.centre[1] - 80) < 0.1 * BOX.side
        assert 0.7 < box.side / BOX.side < 1.3
