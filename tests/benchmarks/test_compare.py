import sys
from pathlib import Path

import pytest

from benchmarks.compare import Goal, Side, compare, summary
from benchmarks.measure import Run

GOAL = Goal(share=0.5, mib=100)
KERAS = Side(seconds=10, peak_mib=900, poisoned=0)


@pytest.mark.parametrize(
    ("seconds", "peak", "met"),
    [(5, 99, True), (5.1, 99, False), (5, 100, False), (5, None, True)],
)
def test_goal(seconds: float, peak: float | None, met: bool) -> None:
    assert GOAL.met(Side(seconds, peak, 0), KERAS) is met


def test_summary() -> None:
    lines = ["3", "1283", "1283", "7"]
    runs = [Run(s, p, lines) for s, p in ((1, 50), (9, 60), (2, 55))]
    assert summary(runs) == Side(seconds=2, peak_mib=60, poisoned=0.5)
    assert summary([Run(1, None, lines)]).peak_mib is None


def test_commands_take_turns_and_the_first_run_is_not_counted(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = "import sys; open(sys.argv[2], 'a').write(sys.argv[1]); print(1283)"
    commands = [[sys.executable, "-c", code, side] for side in "ab"]
    sides = compare(commands, log, images=1, rounds=2)
    assert log.read_text() == "ababab"
    assert [side.poisoned for side in sides] == [1, 1]


def test_a_line_for_each_image() -> None:
    with pytest.raises(RuntimeError, match="1 lines, expected 2"):
        compare([[sys.executable, "-c", "print(5)"]], Path("x"), images=2, rounds=1)
