import struct

from flywheel_assets.segments.cluster_count import Diagnostics
from flywheel_assets.segments.plots import elbow_png, silhouette_png

FOUND = [Diagnostics(k, 900.0 / k, 0.1 * k, 1.0, 50.0, 0.1) for k in range(2, 8)]


def test_both_pictures_are_png_of_a_size_to_read_and_say_what_they_show() -> None:
    for picture, title in ((elbow_png(FOUND, 4, 300), b"Elbow"), (silhouette_png(FOUND, 4, 300), b"Silhouette")):
        assert picture.startswith(b"\x89PNG\r\n")
        assert struct.unpack(">II", picture[16:24]) == (840, 504)
        assert b"Title\0" + title in picture


def test_another_choice_is_another_picture() -> None:
    assert elbow_png(FOUND, 4, 300) != elbow_png(FOUND, 5, 300)
    assert elbow_png(FOUND, 4, 300) == elbow_png(FOUND, 4, 300)
