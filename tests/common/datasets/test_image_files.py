import io
import random

import numpy as np
import pytest
from PIL import Image

from common.datasets.image_files import read_rgb


@pytest.fixture(params=["JPEG", "PNG", "GIF", "TIFF", "BMP"])
def content(request):
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, format=request.param)
    return written.getvalue()


@pytest.mark.filterwarnings("ignore")  # Pillow's, of what it finds odd in a damaged image
def test_a_damaged_image_is_decoded_or_fails_in_one_way(tmp_path, content):
    file, rng, failed = tmp_path / "image.jpg", random.Random(0), 0
    for _ in range(200):
        damaged = bytearray(content[: rng.randrange(8, len(content))] if rng.random() < 0.3 else content)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(min(len(damaged), 300))] = rng.randrange(256)
        file.write_bytes(damaged)
        try:
            assert read_rgb(file).mode == "RGB"
        except ValueError:
            failed += 1
    assert failed > 20


def test_what_the_operating_system_says_passes(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_rgb(tmp_path / "none.jpg")
    with pytest.raises(IsADirectoryError):
        read_rgb(tmp_path)
