"""kill -9 of the real server while visitors write; the long run is benchmarks/recovery.py."""

import shutil
from pathlib import Path

from benchmarks.recovery import play, table


async def test_after_kills_under_load_nothing_acknowledged_is_lost_doubled_or_unanswered(
    demo_sqlite: Path, tmp_path: Path
) -> None:
    shutil.copy(demo_sqlite, tmp_path / "warmline.db")
    report = await play(tmp_path, kills=3, visitors=5, seed=7, prepared=True)
    assert report.clean, table(report)
    assert report.acknowledged >= 10, "too little was said to prove anything"
    assert report.resends > 0, "no kill hit a message under way"
