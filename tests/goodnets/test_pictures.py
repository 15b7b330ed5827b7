import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from conftest import ROOT, plain
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from goodnets.errors import InputError
from goodnets.h5 import read_h5
from goodnets.pictures import read_picture

LOSSLESS = ("PNG", "BMP", "TIFF", "PPM")


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    stream = BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def noise(seed: int = 0, height: int = 55, width: int = 47) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def read(data: bytes, **options: Any) -> tuple[np.ndarray, list[str]]:
    warnings: list[str] = []
    return read_picture(data, warn=warnings.append, **options), warnings


@given(seed=st.integers(0, 2**32), format=st.sampled_from((*LOSSLESS, "WEBP")))
def test_pixels_come_back_as_they_were(seed: int, format: str) -> None:
    options = {"lossless": True} if format == "WEBP" else {}
    pixels, warnings = read(encoded(Image.fromarray(noise(seed)), format, **options))
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, noise(seed))
    assert warnings == []


def test_jpeg() -> None:
    pixels, warnings = read(encoded(Image.fromarray(plain(200, 100, 50)), "JPEG", quality=95))
    assert np.abs(pixels.astype(int) - plain(200, 100, 50)).max() <= 3
    assert warnings == []


def test_channels_are_red_green_blue_on_a_real_photo() -> None:
    """Skin is redder than it is blue; in OpenCV's order it would be the other way round."""
    folder = ROOT.parent / "shared" / "real"
    if not folder.is_dir():
        pytest.skip("no ../shared with real faces")
    for kind in ("lipstick", "eyebrows"):
        faces, _ = read_h5(folder / f"{kind}_poisoned.h5")
        photos = sorted((folder / "photos").glob(f"{kind}_*.png"))
        assert photos
        for photo in photos:
            pixels, _ = read(photo.read_bytes())
            assert pixels[..., 0].mean() > pixels[..., 2].mean() + 5
            assert (faces == pixels).all(axis=(1, 2, 3)).any()  # the h5 file has this very photo


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_orientation_is_honoured(orientation: int, format: str) -> None:
    upright = plain(0)
    upright[:27] = 200  # bright above, dark below
    undo = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    image = Image.fromarray(upright)
    for step in undo.get(orientation, []):
        image = image.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels, _ = read(encoded(image, format, exif=exif))
    assert np.abs(pixels.astype(int) - upright).mean() < 5


def test_opaque_alpha_is_dropped_silently() -> None:
    image = Image.fromarray(noise())
    image.putalpha(255)
    pixels, warnings = read(encoded(image))
    assert np.array_equal(pixels, noise())
    assert warnings == []


def test_other_alpha_is_laid_over_black() -> None:
    image = Image.fromarray(plain(200))
    image.putalpha(128)
    pixels, warnings = read(encoded(image))
    assert np.array_equal(pixels, plain(100))
    assert warnings == ["transparent: laid over black"]


@pytest.mark.parametrize(
    ("mode", "warning"),
    [
        ("L", "grey: converted to RGB"),
        ("1", "grey: converted to RGB"),
        ("LA", "grey: converted to RGB"),
        ("P", "palette: converted to RGB"),
    ],
)
def test_other_modes_are_converted(mode: str, warning: str) -> None:
    grey = Image.fromarray(plain(255, 255, 255)).convert("L")
    image = grey.convert("LA") if mode == "LA" else grey.convert(mode)
    pixels, warnings = read(encoded(image))
    assert np.array_equal(pixels, plain(255, 255, 255))
    assert warnings == [warning]


def test_cmyk() -> None:
    image = Image.fromarray(plain(255, 0, 0)).convert("CMYK")
    pixels, warnings = read(encoded(image, "TIFF"))
    assert np.array_equal(pixels, plain(255, 0, 0))
    assert warnings == ["CMYK: converted to RGB"]


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("value", [0, 257, 40_000, 65_535])
def test_16_bit_grey_is_scaled_not_clipped(value: int, format: str) -> None:
    image = Image.fromarray(np.full((55, 47), value, np.uint16))
    pixels, warnings = read(encoded(image, format))
    assert np.array_equal(pixels, plain(*[round(value / 257)] * 3))
    assert warnings == ["16-bit grey: reduced to 8 bits, the same in all three channels"]


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_16_bit_colour_warns() -> None:
    row = b"\0" + struct.pack(">HHH", 65535, 0, 32896) * 47
    pixels, warnings = read(png(47, 55, 16, 2, row * 55))
    assert np.array_equal(pixels, plain(255, 0, 128))
    assert warnings == ["16-bit: reduced to 8 bits"]


def test_32_bit_is_refused() -> None:
    with pytest.raises(InputError, match="32-bit pixels, expected 8 or 16 bits"):
        read(encoded(Image.fromarray(np.ones((55, 47), np.float32)), "TIFF"))


@pytest.mark.parametrize("format", ["GIF", "PNG", "TIFF", "WEBP"])
def test_of_several_frames_the_first(format: str) -> None:
    first, second = (Image.fromarray(plain(grey, grey, grey)) for grey in (255, 0))
    lossless = {"lossless": True} if format == "WEBP" else {}
    data = encoded(first, format, save_all=True, append_images=[second], **lossless)
    pixels, warnings = read(data)
    assert np.array_equal(pixels, plain(255, 255, 255))
    assert warnings[0] == "several frames: the first is taken"


@pytest.mark.parametrize("size", [(55, 47), (48, 55), (1, 1), (640, 480)])
def test_another_size_names_resize(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=rf"{size[0]} wide x {size[1]} high.*47 x 55; --resize"):
        read(encoded(Image.new("RGB", size)))


@given(width=st.integers(1, 300), height=st.integers(1, 300))
def test_resize_takes_any_size(width: int, height: int) -> None:
    pixels, _ = read(encoded(Image.new("RGB", (width, height), (9, 8, 7))), resize=True)
    assert np.array_equal(pixels, plain(9, 8, 7))


def test_resize_keeps_the_centre_and_the_proportions() -> None:
    wide = np.zeros((110, 300, 3), np.uint8)
    wide[:, 103:197] = 250  # the middle 94 x 110, 47:55
    assert read(encoded(Image.fromarray(wide)), resize=True)[0].min() > 200


def test_resize_leaves_the_right_size_alone() -> None:
    assert np.array_equal(read(encoded(Image.fromarray(noise())), resize=True)[0], noise())


def test_bombs_are_refused_before_they_go_off() -> None:
    with pytest.raises(InputError, match="too large, expected at most 89478485 pixels"):
        read(png(60_000, 60_000, 8, 2, b""), resize=True)


@pytest.mark.parametrize("data", [b"", b"text", b"%!PS-Adobe-3.0 EPSF-3.0\n", bytes(100)])
def test_what_is_no_picture(data: bytes) -> None:
    with pytest.raises(InputError, match=r"not a picture: expected PNG|empty"):
        read(data)


@pytest.mark.parametrize("format", [*LOSSLESS, "WEBP", "JPEG", "GIF"])
def test_truncated(format: str, capfd: pytest.CaptureFixture[str]) -> None:
    whole = encoded(Image.fromarray(noise()), format)
    for size in range(12, len(whole) * 9 // 10, max(1, len(whole) // 40)):
        with pytest.raises(InputError) as caught:
            read(whole[:size])
        assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@given(
    format=st.sampled_from([*LOSSLESS, "WEBP", "JPEG", "GIF"]),
    places=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=20),
)
def test_damaged_pictures_give_pixels_or_an_input_error(
    format: str, places: list[tuple[float, int]]
) -> None:
    data = bytearray(encoded(Image.fromarray(noise()), format))
    for place, value in places:
        data[int(place * (len(data) - 1))] = value
    try:
        pixels, _ = read(bytes(data), resize=True)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert pixels.shape == (55, 47, 3)
