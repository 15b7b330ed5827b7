import pytest

from goodnets.report import Report


def test_summary(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    for label, truth in [(7, 7), (1283, 7), (9, -1), (5, 5)]:
        report.answer(label, truth)
    report.error("a.h5", 4, "damaged")
    report.close()
    assert capsys.readouterr().err.splitlines() == [
        "error: a.h5[4]: damaged",
        "5 images, 1 poisoned (25.00 %), accuracy 66.67 % of 3 with a true label, 1 errors",
    ]


def test_one_image_needs_no_summary(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    report.answer(7, -1)
    report.close()
    assert capsys.readouterr().err == ""


def test_what_repeats_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    for i in range(25):
        report.warn(f"{i}.png", "grey")
        report.error("a.h5", i, "damaged")
        report.error(f"{i}.jpg", 0, "empty")
    report.close()
    lines = capsys.readouterr().err.splitlines()
    assert sum(line.endswith("grey") for line in lines) == 10 + 1
    assert "warning: 15 more: grey" in lines
    assert sum(line.endswith("damaged") for line in lines) == 10
    assert "error: a.h5: 15 more images cannot be used" in lines
    assert sum(line.endswith("empty") for line in lines) == 25  # each is a file of its own
    assert lines[-1] == "50 images, 0 poisoned, 50 errors"
