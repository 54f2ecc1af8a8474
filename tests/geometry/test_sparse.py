"""The quick sparse product against a dense one, forward and backward."""

import numpy as np
import pytest
import scipy.sparse
import torch

from hiface.geometry.sparse import SparseRows


def matrix() -> scipy.sparse.csr_matrix:
    dense = np.random.default_rng(0).normal(size=(7, 5)) * (np.random.default_rng(1).random((7, 5)) < 0.4)
    dense[3] = 0
    return scipy.sparse.csr_matrix(dense)


@pytest.mark.parametrize("shape", [(5, 1), (5, 20), (5, 2, 3)])
def test_it_is_the_product(shape):
    rows, x = SparseRows(matrix()), torch.rand(shape)
    expected = torch.tensordot(torch.tensor(matrix().toarray(), dtype=torch.float32), x, dims=1)
    torch.testing.assert_close(rows(x), expected)
    assert rows(x)[3].abs().max() == 0


def test_gradient_is_the_transposed_product():
    rows = SparseRows(matrix()).double()
    assert torch.autograd.gradcheck(rows, torch.rand(5, 3, dtype=torch.float64, requires_grad=True))


def test_it_leaves_no_trace_in_a_checkpoint():
    assert SparseRows(matrix()).state_dict() == {}
