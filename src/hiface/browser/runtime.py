"""ONNX Runtime Web as the user has it: the folder of an installed package, or the archive that `npm pack` writes."""

from __future__ import annotations

import gzip
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

from hiface.errors import HiFaceError

SCRIPTS = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs")
BINARY = "ort-wasm-simd-threaded.wasm"
CURE = "get it with `npm pack onnxruntime-web` and give the .tgz, or give node_modules/onnxruntime-web"


def runtime_files(source: Path) -> dict[str, bytes]:
    """What the page needs of ONNX Runtime Web, by name: two scripts and `runtime.pack`, its WebAssembly in gzip.

    Raises `HiFaceError` where `source` is neither, or lacks a file.
    """
    read = _archive(source) if source.is_file() else _folder(source)
    files = {name: read(f"dist/{name}") for name in SCRIPTS}
    files["runtime.pack"] = gzip.compress(read(f"dist/{BINARY}"), 9, mtime=0)
    files["LICENSE.txt"] = f"onnxruntime-web {json.loads(read('package.json'))['version']}, MIT\n".encode()
    return files


def _folder(source: Path) -> Callable[[str], bytes]:
    found = [place for place in (source, source / "package", source / "onnxruntime-web") if (place / "dist").is_dir()]
    if not found:
        raise HiFaceError(f"{source}: expected ONNX Runtime Web, found no folder dist in it; {CURE}")

    def read(name: str) -> bytes:
        path = found[0] / name
        if not path.is_file():
            raise HiFaceError(f"{path}: no such file; {CURE}")
        return path.read_bytes()

    return read


def _archive(source: Path) -> Callable[[str], bytes]:
    def read(name: str) -> bytes:
        try:
            with tarfile.open(source) as archive:
                member = archive.extractfile(f"package/{name}")
                assert member is not None
                return member.read()
        except KeyError:
            raise HiFaceError(f"{source}: holds no package/{name}; {CURE}") from None
        except (tarfile.TarError, OSError) as error:
            raise HiFaceError(f"{source}: not a readable archive ({error}); {CURE}") from error

    return read
