"""Reading photos: what a viewer would show comes out; what is not a whole photo is refused in one line."""

import io
import logging
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from hiface.errors import PhotoError
from hiface.photo.header import read_header
from hiface.photo.read import find_photos, read_photo

W, H = 48, 40


@pytest.fixture
def smooth() -> np.ndarray:
    """A soft colour picture without symmetry."""
    y, x = np.mgrid[0:H, 0:W].astype(np.float64)
    channels = (40 + 4 * x, 220 - 3 * y, 60 + 2 * x + 2 * y)
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def encode(rgb: np.ndarray, suffix: str, *options: int) -> bytes:
    order = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    stored = cv2.cvtColor(rgb, order[rgb.shape[2]]) if rgb.ndim == 3 else rgb
    return cv2.imencode(suffix, stored, list(options))[1].tobytes()


def pillow(image: Image.Image, kind: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def exif_block(orientation: int, order: str = "<") -> bytes:
    start = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(order + "IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    return start + directory


def jpeg_with_exif(jpeg: bytes, orientation: int, order: str) -> bytes:
    body = b"Exif\0\0" + exif_block(orientation, order)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_png_chunk(png: bytes, chunk: bytes) -> bytes:
    return png[:33] + chunk + png[33:]  # after the signature and IHDR


SHOWN = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_lossless_kinds_give_the_stored_pixels(smooth, suffix, tmp_path):
    file = tmp_path / f"photo{suffix}"
    file.write_bytes(encode(smooth, suffix))
    photo = read_photo(file)
    assert np.array_equal(photo.pixels, smooth)
    assert (photo.name, photo.path, photo.original_wh) == (str(file), file, (W, H))
    assert photo.pixels.flags["C_CONTIGUOUS"]


def test_lossless_webp_gives_the_stored_pixels(smooth):
    assert np.array_equal(read_photo(encode(smooth, ".webp", cv2.IMWRITE_WEBP_QUALITY, 101)).pixels, smooth)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_kinds_keep_colour_and_channel_order(smooth, suffix):
    photo = read_photo(encode(smooth, suffix))
    assert np.abs(photo.pixels.astype(int) - smooth).mean() < 3
    assert photo.original_wh == (W, H)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_jpeg_orientation_is_applied(smooth, orientation, order):
    jpeg = encode(smooth, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 100)
    plain = read_photo(jpeg).pixels
    photo = read_photo(jpeg_with_exif(jpeg, orientation, order))
    assert np.array_equal(photo.pixels, SHOWN[orientation](plain))
    assert photo.original_wh == (W, H)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_other_kinds_is_applied(smooth, orientation):
    exif = exif_block(orientation)
    png = with_png_chunk(encode(smooth, ".png"), png_chunk(b"eXIf", exif))
    webp = pillow(Image.fromarray(smooth), "WEBP", lossless=True, exif=b"Exif\0\0" + exif)
    tiff = pillow(Image.fromarray(smooth), "TIFF", tiffinfo={274: orientation})
    for data in (png, webp, tiff):
        assert np.array_equal(read_photo(data).pixels, SHOWN[orientation](smooth))


def test_impossible_orientation_counts_as_upright(smooth):
    jpeg = encode(smooth, ".jpg")
    plain = read_photo(jpeg).pixels
    assert np.array_equal(read_photo(jpeg_with_exif(jpeg, 77, "<")).pixels, plain)
    cut = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 2 + 10) + b"Exif\0\0II*\0" + jpeg[2:]
    assert np.array_equal(read_photo(cut).pixels, plain)


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_alpha_is_composited_over_white(smooth, suffix):
    alpha = np.full((H, W, 1), 255, np.uint8)
    alpha[:10] = 0
    alpha[10:20] = 128
    lossless = (cv2.IMWRITE_WEBP_QUALITY, 101) if suffix == ".webp" else ()
    photo = read_photo(encode(np.concatenate([smooth, alpha], axis=2), suffix, *lossless))
    pixels = photo.pixels.astype(float)
    assert (pixels[:10] == 255).all()
    assert np.array_equal(pixels[20:], smooth[20:])
    expected = (128 * smooth[10:20].astype(float) + 127 * 255) / 255
    assert np.abs(pixels[10:20] - expected).max() <= 0.5


def test_sixteen_bits_and_greys_become_eight_bit_rgb(smooth):
    assert np.array_equal(read_photo(encode(smooth.astype(np.uint16) * 257, ".png")).pixels, smooth)
    assert np.array_equal(read_photo(encode(smooth.astype(np.uint16) * 257, ".tif")).pixels, smooth)
    grey = np.ascontiguousarray(smooth[:, :, 1])
    for data in (encode(grey, ".png"), encode(grey.astype(np.uint16) * 257, ".png")):
        assert np.array_equal(read_photo(data).pixels, np.repeat(grey[:, :, None], 3, axis=2))


def test_palettes_and_grey_with_alpha(smooth):
    paletted = Image.fromarray(smooth).quantize(64)
    assert np.array_equal(read_photo(pillow(paletted, "PNG")).pixels, np.array(paletted.convert("RGB")))
    veiled = np.array(paletted.convert("RGB"))
    veiled[np.array(paletted) == 3] = 255
    assert np.array_equal(read_photo(pillow(paletted, "PNG", transparency=3)).pixels, veiled)
    grey = Image.fromarray(smooth).convert("L")
    pixels = read_photo(pillow(grey.convert("LA"), "PNG")).pixels
    assert np.array_equal(pixels[:, :, 2], np.array(grey))
    bits = read_photo(pillow(grey.convert("1"), "PNG")).pixels
    assert set(np.unique(bits)) == {0, 255}


def test_cmyk_jpeg_keeps_its_colours(smooth):
    data = pillow(Image.fromarray(smooth).convert("CMYK"), "JPEG", quality=95)
    assert np.abs(read_photo(data).pixels.astype(int) - smooth).mean() < 4


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_several_frames_the_first_is_taken_with_a_warning(smooth, kind, caplog):
    frames = [Image.fromarray(smooth), Image.fromarray(255 - smooth)]
    data = pillow(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
    with caplog.at_level(logging.WARNING, "hiface"):
        pixels = read_photo(data).pixels
    assert np.abs(pixels.astype(int) - smooth).mean() < 10
    assert "several pictures" in caplog.text


def test_single_frames_give_no_warning(smooth, caplog):
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        read_photo(pillow(Image.fromarray(smooth), kind))
    assert not caplog.records


def test_arrays(smooth):
    photo = read_photo(smooth)
    assert np.shares_memory(photo.pixels, smooth)
    assert photo.name == "<array>"
    assert read_photo(photo) is photo
    for same in (smooth.astype(np.uint16) * 257, smooth / 255.0, (smooth / 255.0).astype(np.float32)):
        assert np.array_equal(read_photo(same).pixels, smooth)
    assert np.array_equal(read_photo(smooth[:, :, 0]).pixels[:, :, 2], smooth[:, :, 0])
    opaque = np.dstack([smooth, np.full((H, W), 255, np.uint8)])
    assert np.array_equal(read_photo(opaque).pixels, smooth)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((3, 64, 64), np.uint8), "channels last"),
        (np.zeros((64, 64, 3), np.int32), "uint8"),
        (np.full((64, 64, 3), 2.0), "0 to 1"),
        (np.full((64, 64, 3), np.nan), "0 to 1"),
        (np.zeros((8, 64, 3), np.uint8), "too small"),
        (np.zeros((0, 64, 3), np.uint8), "too small"),
        (np.zeros(64, np.uint8), "expected shape"),
    ],
)
def test_arrays_that_are_no_photo(array, words):
    with pytest.raises(PhotoError, match=words):
        read_photo(array)


def refusal(source) -> str:
    with pytest.raises(PhotoError) as caught:
        read_photo(source)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_paths_that_are_no_photo(tmp_path, monkeypatch, smooth):
    missing = tmp_path / "missing.jpg"
    assert str(missing) in refusal(missing)
    assert "folder" in refusal(tmp_path)
    text = tmp_path / "notes.jpg"
    text.write_text("no picture at all, only words " * 10)
    assert "notes.jpg" in (message := refusal(text))
    assert "JPEG, PNG" in message
    empty = tmp_path / "empty.png"
    empty.touch()
    assert "0 bytes" in refusal(empty)
    good = tmp_path / "good.png"
    good.write_bytes(encode(smooth, ".png"))

    def refuse(*_arguments, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    assert "permission" in refusal(good)
    assert "int" in refusal(5)


def test_a_kind_that_is_known_but_not_read_is_named():
    assert "HEIC" in refusal(b"\0\0\0\x18ftypheic" + bytes(64))


@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.9, 0.995])
@pytest.mark.parametrize("kind", ["JPEG", "progressive", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_truncated_files_are_refused(smooth, kind, kept, tmp_path):
    options = {"progressive": True} if kind == "progressive" else {}
    large = np.tile(smooth, (4, 4, 1))
    data = pillow(Image.fromarray(large), "JPEG" if kind == "progressive" else kind, **options)
    read_photo(data)
    cut = tmp_path / "cut.picture"
    cut.write_bytes(data[: int(len(data) * kept)])
    assert "cut.picture" in refusal(cut)


def test_jpeg_without_its_end_marker_and_with_bytes_after_it(smooth):
    jpeg = encode(smooth, ".jpg")
    assert "end marker" in refusal(jpeg[:-2])
    assert np.array_equal(read_photo(jpeg + b"trailing bytes of a phone").pixels, read_photo(jpeg).pixels)


def test_a_thumbnail_does_not_stand_for_the_whole_jpeg(smooth):
    jpeg = encode(smooth, ".jpg")
    inner = b"Exif\0\0" + exif_block(1) + encode(np.ascontiguousarray(smooth[:33, :33]), ".jpg")
    outer = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(inner) + 2) + inner + jpeg[2:]
    assert read_photo(outer).pixels.shape == (H, W, 3)
    assert "end marker" in refusal(outer[:-2])


def test_a_damaged_png_chunk_is_refused(smooth):
    png = bytearray(encode(smooth, ".png"))
    png[len(png) // 2] ^= 255
    assert "checksum" in refusal(bytes(png))


@pytest.mark.parametrize("size", [(1, 1), (31, 200), (200, 31)])
def test_small_pictures_are_refused(size):
    for suffix in (".png", ".jpg", ".gif"):
        assert "too small" in refusal(encode(np.zeros((*size, 3), np.uint8), suffix))


def test_huge_pictures_are_refused_before_decoding(monkeypatch, smooth):
    def never(*_arguments):
        raise AssertionError("decoded a picture that its header says is too large")

    monkeypatch.setattr(cv2, "imdecode", never)
    png = bytearray(encode(smooth, ".png"))
    png[16:24] = struct.pack(">II", 20_000, 6_000)
    jpeg = bytearray(encode(smooth, ".jpg"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 10_001, 10_000)
    for data in (png, jpeg):
        assert "megapixels" in refusal(bytes(data))


def test_headers_of_every_kind_agree_with_the_picture(smooth):
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        header = read_header(pillow(Image.fromarray(smooth), kind))
        assert (header.width, header.height, header.frames, header.damage) == (W, H, 1, None)
    lossless = read_header(pillow(Image.fromarray(smooth), "WEBP", lossless=True))
    assert (lossless.width, lossless.height) == (W, H)


def test_finding_photos(tmp_path, smooth):
    folder, empty = tmp_path / "folder", tmp_path / "empty"
    (folder / "inside.jpg").mkdir(parents=True)
    empty.mkdir()
    for name in ("b.JPG", "a.png", ".hidden.jpg", "notes.txt", "c.webp"):
        (folder / name).touch()
    odd = tmp_path / "odd.suffix"
    odd.touch()
    names = [p.name for p in find_photos([odd, folder, folder / "a.png"])]
    assert names == ["odd.suffix", "a.png", "b.JPG", "c.webp"]
    with pytest.raises(PhotoError, match="no photos in this folder"):
        find_photos([empty])
    with pytest.raises(PhotoError, match="nowhere"):
        find_photos([tmp_path / "nowhere"])
