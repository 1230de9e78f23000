"""What a user installs: the wheel, in a venv of its own, with nothing of this checkout on the path."""

import os
import socket
import subprocess
import sys
import sysconfig
import time
import zipfile
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    [made] = out.glob("*.whl")
    return made


def test_the_wheel_has_all_that_is_needed_at_run_time_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for needed in (
        "api/migrations/env.py", "api/migrations/versions/0001_the_first_tables.py", "web_widget/widget.js",
        "web_widget/panel/panel.js", "web_widget/languages/ar.json", "web_widget/widget.d.ts",
        "web_widget/demo.html", "web_widget/agent/index.html", "web_widget/owner/index.html",
        "knowledge_base/demo/faq.jsonl", "bot/heads/ranker.json", "bot/heads/ranker.safetensors",
        "bot/heads/intents.safetensors", "sentiment/heads/mood.safetensors",
    ):  # fmt: skip
        assert needed in names, needed
    tops = {name.partition("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"core", "sentiment", "knowledge_base", "handoff", "bot", "api", "web_widget"}
    assert not [n for n in names if n.endswith((".pyc", ".db", ".env")) or "/tests/" in n]


def test_the_installed_wheel_migrates_and_serves(wheel: Path, tmp_path: Path) -> None:
    python = _installed(wheel, tmp_path)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WARMLINE_", "PYTHON"))}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment |= {"WARMLINE_DATA_DIR": str(tmp_path / "data"), "WARMLINE_PORT": str(port)}
    warmline = str(python.parent / "warmline")

    where = subprocess.run(
        [python, "-c", "import api, core, web_widget; print(api.__file__)"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert str(tmp_path) in where.stdout, f"not the wheel's: {where.stdout}{where.stderr}"

    done = subprocess.run(
        [warmline, "migrate"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "The database is migrated."), done.stderr
    with (tmp_path / "serve.log").open("wb") as log:
        server = subprocess.Popen([warmline, "serve"], cwd=tmp_path, env=environment, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
            _until_up(http, server)
            assert http.get("/healthz").json() == {"status": "ok"}
            assert "<html" in http.get("/demo").text
            widget = http.get("/widget.js")
            assert widget.headers["content-type"].startswith("text/javascript")
            assert len(widget.content) > 5_000
            assert http.get("/static/agent/desk.js").status_code == 200
            assert http.get("/docs/swagger-ui.css").status_code == 200
            assert http.get("/readyz").json()["checks"]["database"] == "ready"
    finally:
        server.terminate()
        assert server.wait(30) is not None


def _installed(wheel: Path, folder: Path) -> Path:
    """A fresh venv: the dependencies come from this one by a .pth file, our packages from the wheel alone."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], timeout=60, check=True)
    python = folder / "venv" / "bin" / "python"
    site = folder / "venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", "-q", str(wheel)],
        timeout=120, check=True,
    )  # fmt: skip
    # Lines of a .pth file are appended after the venv's own site-packages; those of that folder are not read,
    # so an editable install of this checkout stays out of sight.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def _until_up(http: httpx.Client, server: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert server.poll() is None, "the server ended by itself"
        try:
            if http.get("/healthz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError("the server did not come up within a minute")
