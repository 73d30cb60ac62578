"""What stored values look like: rescale, window, which end is white, colours."""

from pathlib import Path

import dicom_files
import numpy as np
import pydicom
import pytest
from dicom_files import Element, Stored, make_frames, write_opt
from dicom_values import read_values
from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.dicom import DicomReader
from PIL import Image
from pydicom.pixels.processing import apply_rescale, apply_windowing

READER = DicomReader()
CENTRE, WIDTH, FUNCTION = 0x00281050, 0x00281051, 0x00281056
INTERCEPT, SLOPE = 0x00281052, 0x00281053
Changes = dict[int, Element | None]


def window(centre: float, width: float, function: str = "LINEAR") -> Changes:
    return {CENTRE: ("DS", centre), WIDTH: ("DS", width), FUNCTION: ("CS", function)}


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    ("bits", "changes"),
    [
        (12, window(2048, 4096)),
        (12, window(1000, 500)),
        (12, window(1000, 500, "LINEAR_EXACT")),
        (12, window(1000, 500, "SIGMOID")),
        (12, window(2048, 1)),
        (12, {CENTRE: ("DS", "1000\\100"), WIDTH: ("DS", "500\\20")}),
        (16, window(40_000, 90_000)),
        (16, {INTERCEPT: ("DS", -1024), SLOPE: ("DS", 0.5), **window(9000, 8000)}),
        (8, window(100, 900)),
        (8, {INTERCEPT: ("DS", 0), SLOPE: ("DS", 3), **window(300, 200, "LINEAR_EXACT")}),
    ],
)
def test_window_gives_what_pydicom_gives(
    tmp_path: Path, bits: int, changes: Changes, photometric: str
) -> None:
    path = write_opt(
        tmp_path / "v.dcm", make_frames(2, bits=bits), Stored(bits=bits, photometric=photometric), changes
    )
    dataset = pydicom.dcmread(path)
    rescaled = apply_rescale(dataset.pixel_array, dataset)
    # pydicom's window keeps the range of the stored bits, rescaled; its ends are black and white
    shown = apply_windowing(rescaled, dataset).astype(np.float64)
    ends = sorted(float(dataset.get("RescaleSlope", 1)) * end for end in (0, 2**bits - 1))
    low, high = (end + float(dataset.get("RescaleIntercept", 0)) for end in ends)
    expected = (shown - low) / (high - low)
    if photometric == "MONOCHROME1":
        expected = 1 - expected
    np.testing.assert_allclose(read_values(path) / 65535, expected, atol=1e-5)


@pytest.mark.parametrize("bits", [8, 10, 16])
def test_signed_values_reach_from_black_to_white(tmp_path: Path, bits: int) -> None:
    frames = make_frames(2, bits=bits)
    lowest = 2 ** (bits - 1)
    path = write_opt(tmp_path / "v.dcm", frames.astype(np.int32) - lowest, Stored(bits=bits, is_signed=True))
    unsigned = write_opt(tmp_path / "u.dcm", frames, Stored(bits=bits))
    found = read_values(path)
    np.testing.assert_array_equal(found, read_values(unsigned))
    assert (found.min(), found.max()) == (0, 255 if bits == 8 else 65535)


@pytest.mark.parametrize("changes", [{}, window(-255, 511, "LINEAR_EXACT")])
def test_falling_rescale_turns_black_and_white(tmp_path: Path, changes: Changes) -> None:
    frames = make_frames(1)
    falling: Changes = {INTERCEPT: ("DS", 0), SLOPE: ("DS", -2), **changes}
    found = read_values(write_opt(tmp_path / "v.dcm", frames, changes=falling))
    scale = found.max() / 255
    np.testing.assert_allclose(found / scale, 255 - frames, atol=0.6)


def test_frames_are_not_stretched_to_their_own_range(tmp_path: Path) -> None:
    frames = np.stack([np.full((32, 48), 100), np.full((32, 48), 200)])
    found = read_values(write_opt(tmp_path / "v.dcm", frames, Stored(bits=10)))
    assert found[0, 0, 0] == round(100 / 1023 * 65535)
    assert found[1, 0, 0] == round(200 / 1023 * 65535)


def test_each_frame_has_its_own_window(tmp_path: Path) -> None:
    groups = []
    for number, centre in ((1, 100.0), (2, 210.0)):
        voi: dict[int, Element] = {CENTRE: ("DS", centre), WIDTH: ("DS", 101)}
        groups.append({**dicom_files.describe_frame(number), 0x00289132: ("SQ", [voi])})
    frames = np.full((2, 32, 48), 150)
    path = write_opt(tmp_path / "v.dcm", frames, changes={dicom_files.PER_FRAME: ("SQ", groups)})
    found = read_values(path)
    assert (found[0, 0, 0], found[1, 0, 0]) == (65535, 0)


def test_padding_bits_and_overlays_do_not_shine_through(tmp_path: Path) -> None:
    frames = make_frames(1, bits=12)
    with_overlay = frames | 0x8000
    found = read_values(write_opt(tmp_path / "o.dcm", with_overlay, Stored(bits=12)))
    np.testing.assert_array_equal(found, read_values(write_opt(tmp_path / "v.dcm", frames, Stored(bits=12))))


@pytest.mark.parametrize("planar", [0, 1])
def test_colour_becomes_grey_as_pillow_makes_it(tmp_path: Path, planar: int) -> None:
    random = np.random.default_rng(0)
    frames = random.integers(0, 256, (2, 32, 48, 3), dtype=np.uint8)
    written = frames if planar == 0 else np.moveaxis(frames, 3, 1)
    changes: Changes = {
        0x00280006: ("US", [planar]),
        dicom_files.PIXELS: ("OB", np.ascontiguousarray(written).tobytes()),
    }
    path = write_opt(tmp_path / "v.dcm", frames, Stored(photometric="RGB"), changes)
    expected = np.stack([np.asarray(Image.fromarray(frame).convert("L")) for frame in frames])
    np.testing.assert_array_equal(read_values(path), expected)
    assert any("in colour" in warning for warning in READER.look(path).warnings)


def test_ybr_of_grey_is_that_grey(tmp_path: Path) -> None:
    grey = make_frames(1)
    frames = np.stack([grey, np.full_like(grey, 128), np.full_like(grey, 128)], axis=3)
    path = write_opt(tmp_path / "v.dcm", frames, Stored(photometric="YBR_FULL"))
    np.testing.assert_array_equal(read_values(path), grey)


TABLE: dict[int, Element] = {
    0x00283002: ("US", [256, 0, 8]),
    0x00283006: ("US", list(range(256))),
}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (window(100, 0), "width 0"),
        (window(100, -5), "width -5"),
        (window(100, 50, "OTHER"), "none that the standard knows"),
        ({SLOPE: ("DS", 0)}, "slope in the DICOM header is 0"),
        ({0x00283000: ("SQ", [TABLE])}, "modality or VOI LUT"),
        ({0x00283010: ("SQ", [TABLE])}, "modality or VOI LUT"),
        ({0x00280004: ("CS", "PALETTE COLOR")}, "palette"),
        ({0x00280102: ("US", [6])}, "highest bit 6"),
        ({0x00280101: ("US", [0])}, "0 bits out of 8"),
        ({0x00280100: ("US", [32])}, "8 bits out of 32"),
        ({0x00280004: ("CS", "SECRET^NAME")}, "no photometric interpretation that fits"),
    ],
)
def test_what_cannot_be_shown_right_is_refused(tmp_path: Path, changes: Changes, reason: str) -> None:
    path = write_opt(tmp_path / "v.dcm", make_frames(1, 32, 48), changes=changes)
    for attempt in (lambda: READER.look(path), lambda: list(READER.read(path, [1]))):
        with pytest.raises(UnreadableImage, match=reason) as raised:
            attempt()
        assert "export" in str(raised.value)
        assert "SECRET" not in str(raised.value)
