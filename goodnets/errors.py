"""What goes wrong, in one line a person can act on."""


class GoodNetsError(Exception):
    """Anything a user can put right. The message is one printable line: where, what, what was
    expected."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class InputError(GoodNetsError, ValueError):
    """A picture, an h5 file or an array that cannot be asked about."""


class ModelError(GoodNetsError):
    """A file that is no GoodNet, or a GoodNet whose answers break its contract."""


class OutputError(GoodNetsError):
    """A place where results cannot be written."""


def printable(text: str) -> str:
    """The text with everything that could break a line or a terminal (control characters, line
    separators, undecodable bytes of a file name) written as a backslash escape."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii")
        for c in text
    )


def reason(error: BaseException) -> str:
    """Why the system or a library refused, in short: `No such file or directory`."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
