"""Generates captures of detail: neutral, compressed and stretched displacement maps of people who do not
exist.

    python tools/build_captures.py OUT [--people 664] [--side 512] [--first 0]

Can be stopped and started again: subjects already written are kept. About 0.7 s a subject on one core.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from hiface.face.model import FaceModel
from hiface.synth.captures.folder import is_complete, subject_folder, write_subject
from hiface.synth.captures.generate import CaptureGenerator
from hiface.synth.captures.person import Person, even_age


def main() -> None:
    options = _options()
    generator = CaptureGenerator(FaceModel.load(options.face_model), options.side)
    started, written = time.monotonic(), 0
    for seed in range(options.first, options.first + options.people):
        person = Person.draw(seed, even_age(seed))
        folder = subject_folder(options.out, person)
        if is_complete(folder):
            continue
        write_subject(folder, person, generator.capture(person))
        written += 1
        if written % 50 == 0:
            print(f"{written} subjects in {time.monotonic() - started:.0f} s", flush=True)
    print(f"{written} written, {options.people - written} were there already: {options.out}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for the subjects")
    parser.add_argument("--people", type=int, default=664)
    parser.add_argument("--side", type=int, default=512, help="texels a side")
    parser.add_argument("--first", type=int, default=0, help="seed of the first person")
    parser.add_argument("--face-model", default="face_model.safetensors")
    return parser.parse_args()


if __name__ == "__main__":
    main()
