"""ICT-FaceKit's test identities for the shipped face model: whole heads, and the coefficients nearest to them.

python -m tools.ict_test_people DATA/ict_facekit OUT

writes OUT/heads.npz (`vertices`, mm, our topology: for `hiface evaluate open --heads`) and OUT/identities.npy (for
`hiface synth --identities`). The heads are the scans' own; the coefficients leave a tenth of a millimetre of them out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from hiface.evaluate.open_build import laid_on_model
from hiface.face.model import FaceModel
from tools.face_model import source


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ict", type=Path, help="folder of ict_facekit.npz, regions.json and test_identities.npy")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    face, ict = FaceModel.load(), source.load(args.ict)
    people = np.load(args.ict / "test_identities.npy")
    heads = ict.vertices + np.tensordot(people, ict.identity.astype(np.float64), 1)
    nearest = np.stack([laid_on_model(face, head)[0] for head in heads])
    args.out.mkdir(parents=True, exist_ok=True)
    np.savez(args.out / "heads.npz", vertices=heads.astype(np.float32))
    np.save(args.out / "identities.npy", nearest.astype(np.float32))
    print(f"{len(people)} people; largest coefficient {np.abs(nearest).max():.1f} deviations")


if __name__ == "__main__":
    main()
