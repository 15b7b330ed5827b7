import pytest

from goodnets.errors import GoodNetsError, printable, reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Gesicht café 脸 😀.png", "Gesicht café 脸 😀.png"),
        ("a\nb\x1b[31m.png", "a\\nb\\x1b[31m.png"),
        ("bytes \udcff", "bytes \\udcff"),
        ("line\u2028sep \u202egnp.exe", "line\\u2028sep \\u202egnp.exe"),
    ],
)
def test_printable(text: str, expected: str) -> None:
    assert printable(text) == expected
    assert str(GoodNetsError(text)) == expected


def test_reason_is_one_line() -> None:
    assert reason(FileNotFoundError(2, "No such file or directory", "x")) == (
        "No such file or directory"
    )
    assert reason(ValueError("first\nsecond")) == "first"
    assert reason(KeyError()) == "KeyError"
