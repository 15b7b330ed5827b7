"""One picture: whatever its format, its pixels as uint8 (55, 47, 3), RGB."""

import importlib
import warnings
from collections.abc import Callable
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from goodnets.errors import InputError, reason
from goodnets.nets import HEIGHT, WIDTH

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".pgm", ".ppm", ".pnm")
)
"""Endings, in small letters, by which a folder's pictures are known."""

FORMATS = "PNG, JPEG, BMP, WebP, TIFF, GIF or PNM"

# Recognised by content and opened by their own decoder alone: Pillow's slow hunt through all its
# plugins is spared, and those that run other programs (EPS) are never reached.
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG", "Png"),
    (b"\xff\xd8\xff", "JPEG", "Jpeg"),
    (b"BM", "BMP", "Bmp"),
    (b"RIFF", "WEBP", "WebP"),
    (b"II*\0", "TIFF", "Tiff"),
    (b"MM\0*", "TIFF", "Tiff"),
    (b"GIF8", "GIF", "Gif"),
    *((b"P%d" % digit, "PPM", "Ppm") for digit in range(1, 7)),
)
_ORIENTATION = 0x0112


def read_picture(
    data: bytes, *, resize: bool = False, warn: Callable[[str], None] = lambda text: None
) -> npt.NDArray[np.uint8]:
    """The pixels of an encoded picture, uint8 (55, 47, 3), RGB.

    EXIF orientation is honoured and fully opaque alpha dropped. Other alpha is laid over black;
    grey, palette, CMYK and 16-bit pixels are converted, of several frames the first is taken:
    `warn` is told of each. With `resize` a picture of another size is cut to 47:55 around its
    centre, so that faces keep their proportions, and scaled (Lanczos).

    Raises InputError where the bytes are no picture, are damaged, or have another size without
    `resize`.
    """
    signature = next((s for s in _SIGNATURES if data.startswith(s[0])), None)
    if signature is None:
        raise InputError(f"not a picture: expected {FORMATS}" if data else "empty")
    _, format_, plugin = signature
    importlib.import_module(f"PIL.{plugin}ImagePlugin")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is said here, in our words
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(BytesIO(data), formats=[format_]) as image:
                return _pixels(image, resize, warn)
        except InputError:
            raise
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise InputError(
                f"too large, expected at most {Image.MAX_IMAGE_PIXELS} pixels"
            ) from None
        except Exception as error:  # decoders raise anything from struct.error to KeyError
            raise InputError(f"damaged {format_} picture ({reason(error)})") from None


def _pixels(
    file: ImageFile.ImageFile, resize: bool, warn: Callable[[str], None]
) -> npt.NDArray[np.uint8]:
    width, height = file.size
    # Sizes are looked at before anything is decoded; orientation may still swap them.
    if not resize and {width, height} != {WIDTH, HEIGHT}:
        raise _wrong_size(width, height)
    if getattr(file, "is_animated", False):
        warn("several frames: the first is taken")
    deep = ";16" in str(file.tile)  # how it is stored: once loaded it has 8 bits
    file.load()
    image: Image.Image = file
    if file.getexif().get(_ORIENTATION, 1) != 1:
        from PIL import ImageOps

        image = ImageOps.exif_transpose(file)
    if not resize and image.size != (WIDTH, HEIGHT):
        raise _wrong_size(*image.size)
    image = _to_rgb(image, deep, warn)
    if image.size != (WIDTH, HEIGHT):
        from PIL import ImageOps

        image = ImageOps.fit(image, (WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    return np.array(image)


def _wrong_size(width: int, height: int) -> InputError:
    return InputError(
        f"{width} wide x {height} high, expected {WIDTH} x {HEIGHT}; "
        "--resize takes pictures of other sizes"
    )


def _to_rgb(image: Image.Image, deep: bool, warn: Callable[[str], None]) -> Image.Image:
    if image.mode in ("I", "F"):
        raise InputError("32-bit pixels, expected 8 or 16 bits")
    if image.mode.startswith("I;16"):
        warn("16-bit grey: reduced to 8 bits, the same in all three channels")
        grey = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((grey + 128) // 257).astype(np.uint8)).convert("RGB")
    if deep:
        warn("16-bit: reduced to 8 bits")
    kinds = {"1": "grey", "L": "grey", "LA": "grey", "La": "grey", "P": "palette", "PA": "palette"}
    if image.mode not in ("RGB", "RGBA", "RGBa", "RGBX"):
        warn(f"{kinds.get(image.mode, image.mode)}: converted to RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    if image.getchannel("A").getextrema() != (255, 255):
        warn("transparent: laid over black")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image)
    return image.convert("RGB")
