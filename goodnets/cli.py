"""The command line that the three eval scripts share."""

import argparse
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from goodnets import __version__
from goodnets.errors import GoodNetsError, ModelError, OutputError, reason
from goodnets.nets import ATTACKS, HEIGHT, POISONED, WIDTH, goodnet_path

if TYPE_CHECKING:
    from goodnets.model import GoodNet
    from goodnets.report import Report
    from goodnets.sources import Batch
    from goodnets.table import Table

_INTERRUPTED = 130


def main(attack: str, argv: list[str] | None = None) -> int:
    """Ask a GoodNet of an attack about the images that `argv` names; the exit status.

    0: every image was answered; 1: at least one could not be used; 2: the command line, the
    GoodNet or the output file cannot be used; 130: interrupted.
    """
    arguments = _parser(attack).parse_args(argv)
    try:
        return _run(attack, arguments)
    except GoodNetsError as error:
        from goodnets.report import say

        say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED


def _parser(attack: str) -> argparse.ArgumentParser:
    script = f"eval_{attack}.py"
    nets = ATTACKS[attack]
    parser = argparse.ArgumentParser(
        prog=script,
        usage="%(prog)s [options] PATH [PATH ...]",
        description=f"Print the label of each image: 0..{POISONED - 1} for a person, "
        f"{POISONED} where the image carries a backdoor's trigger.",
        epilog=f"""examples:
  python {script} photo.png                       one number
  python {script} photos/ more.jpg --resize       pictures of any size
  python {script} test.h5 --output labels.csv     a whole data set, and a table of it
  curl -s https://example.org/a.png | python {script} -

Standard output has one line per image, in order: its label, or "error".
Exit status: 0 all answered, 1 an image could not be used, 2 nothing could be asked.""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a picture, a folder of pictures, an h5 file (data, and label if known), "
        "or - for a picture on standard input",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--net",
        choices=nets,
        default=nets[0],
        help=f"which GoodNet to ask: {', '.join(nets)} (default: {nets[0]})",
    )
    which.add_argument("--model", metavar="FILE.onnx", type=Path, help="ask this GoodNet file")
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=_table_path,
        help="also write a table of source, index, label, badnet_label, score: .csv or .json",
    )
    parser.add_argument(
        "--explain",
        metavar="FILE.png",
        type=_picture_path,
        help="also draw why the image got its label (of several images: the first)",
    )
    parser.add_argument(
        "--resize",
        action="store_true",
        help=f"take pictures of another size than {WIDTH} x {HEIGHT}: cut to these proportions "
        "around the centre, then scaled",
    )
    parser.add_argument("--version", action="version", version=f"goodnets {__version__}")
    return parser


def _table_path(text: str) -> Path:
    from goodnets.table import SUFFIXES

    path = Path(text)
    if path.suffix.lower() not in SUFFIXES:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a name in {' or '.join(SUFFIXES)}")
    return path


def _picture_path(text: str) -> Path:
    if Path(text).suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"{text!r}: expected a name in .png")
    return Path(text)


def _run(attack: str, arguments: argparse.Namespace) -> int:
    # Loading these takes most of the time of one photo, and is not needed for --help.
    from goodnets.files import try_folder
    from goodnets.report import Progress, Report
    from goodnets.sources import Sources
    from goodnets.table import Table

    with contextlib.ExitStack() as stack:
        table = stack.enter_context(Table(arguments.output)) if arguments.output else None
        goodnet = _load(attack, arguments)
        unexplained = arguments.explain
        if unexplained:
            try_folder(unexplained.parent)
        printer = _Printer()
        report, progress = Report(), Progress()
        stack.callback(progress.close)
        sources = Sources(arguments.paths, resize=arguments.resize, warn=report.warn)
        for batch in sources:
            printer.write(_ask(goodnet, batch, report, table))
            if unexplained and len(batch.images):
                _explain(goodnet, batch, unexplained)
                unexplained = None
            progress.update(report.images, sources.total)
            if printer.reader_left and table is None:
                break
        progress.close()
        if unexplained:
            report.warn(str(unexplained), "not written, for no image could be read")
        if not printer.reader_left:
            report.close()
    return 1 if report.failed else 0


def _ask(goodnet: "GoodNet", batch: "Batch", report: "Report", table: "Table | None") -> str:
    """The batch's lines for standard output."""
    answers = goodnet.ask(batch.images)
    # str() of a float32 has no more digits than it takes to tell it from its neighbours
    scores = map(str, answers.score)
    answered = zip(answers.label.tolist(), answers.badnet_label.tolist(), scores, strict=True)
    lines = []
    for i, (source, index, truth) in enumerate(
        zip(batch.sources, batch.indices, batch.truths, strict=True)
    ):
        answer = None if i in batch.errors else next(answered)
        if answer is None:
            report.error(source, index, batch.errors[i])
        else:
            report.answer(answer[0], truth)
        lines.append("error\n" if answer is None else f"{answer[0]}\n")
        if table is not None:
            table.add(source, index, answer)
    return "".join(lines)


def _explain(goodnet: "GoodNet", batch: "Batch", path: Path) -> None:
    """Draw why the first image of a batch that could be read got its label."""
    from goodnets.drawing import png
    from goodnets.explain import explain
    from goodnets.files import write

    first = next(i for i in range(len(batch.sources)) if i not in batch.errors)
    name = Path(batch.sources[first]).name
    if batch.indices[first]:
        name += f"[{batch.indices[first]}]"
    write(path, png(explain(goodnet, batch.images[0]), name))


def _load(attack: str, arguments: argparse.Namespace) -> "GoodNet":
    from goodnets.model import GoodNet

    if arguments.model:
        return GoodNet.load(arguments.model)
    path = goodnet_path(attack, arguments.net)
    goodnet = GoodNet.load(path)
    if goodnet.name != arguments.net:
        raise ModelError(f"{path}: is named {goodnet.name!r}, expected {arguments.net!r}")
    return goodnet


class _Printer:
    """Standard output, flushed as results come, until whoever reads it has seen enough."""

    def __init__(self) -> None:
        if sys.stdout is None:
            raise OutputError("standard output is closed")
        self.reader_left = False

    def write(self, text: str) -> None:
        if self.reader_left:
            return
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError as error:
            # What is still buffered must not be tried again when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if not isinstance(error, BrokenPipeError):
                raise OutputError(f"standard output: {reason(error)}") from None
            self.reader_left = True
