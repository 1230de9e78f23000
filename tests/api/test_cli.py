"""The command line, as an operator runs it: each run here is a process of its own."""

import io
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import pytest

from api.cli import main, parser
from core.encoder import PACKAGE, PACKAGE_SHA256, fingerprint, locate

ROOT = Path(__file__).parents[2]
Done: TypeAlias = "subprocess.CompletedProcess[str]"
PASSWORD = "correct horse battery staple"


class Operator:
    """Somebody at a shell, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings: dict[str, str] = {"WARMLINE_DATA_DIR": str(folder / "data")}
        self.path = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        self.in_process: Callable[..., Done] | None = None

    def run(self, *arguments: str, said: str = "", **settings: str) -> Done:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("WARMLINE_")}
        environment |= self.settings | settings | {"PYTHONPATH": os.pathsep.join(p for p in self.path if p)}
        return subprocess.run(
            [sys.executable, "-m", "api", *arguments],
            cwd=self.folder, env=environment, input=said, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def refused(self, *arguments: str, says: str, said: str = "", here: bool = False, **settings: str) -> None:
        """Args: here: in this process, which saves two seconds of imports; every command is run as one elsewhere."""
        if here:
            assert self.in_process is not None
            done = self.in_process(arguments, said, self.settings | settings)
        else:
            done = self.run(*arguments, said=said, **settings)
        assert done.returncode == 1, (arguments, done.stdout, done.stderr)
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("warmline: ")
        assert says in lines[0], lines[0]
        assert done.stdout == ""

    def did(self, *arguments: str, said: str = "", **settings: str) -> str:
        done = self.run(*arguments, said=said, **settings)
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Operator:
    def in_process(arguments: Sequence[str], said: str, settings: dict[str, str]) -> Done:
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            patch.setattr(sys, "stdin", io.StringIO(said))
            for name, value in settings.items():
                patch.setenv(name, value)
            capsys.readouterr()
            code = main(arguments)
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(list(arguments), code, out, err)

    made = Operator(tmp_path)
    made.in_process = in_process
    return made


@pytest.fixture
def at_work(operator: Operator, demo_sqlite: Path) -> Operator:
    """With a migrated database and the demo business in it."""
    (operator.folder / "data").mkdir()
    shutil.copy(demo_sqlite, operator.folder / "data" / "warmline.db")
    return operator


COMMANDS = [
    (), ("serve",), ("migrate",), ("demo",), ("staff",), ("staff", "add"), ("api-key",), ("api-key", "create"),
    ("faq",), ("faq", "import"), ("faq", "export"), ("ask",), ("evaluate",), ("protocol",),
    ("visitor",), ("visitor", "export"), ("visitor", "erase"), ("retention",), ("retention", "run"),
    ("audit",), ("audit", "bias"),
]  # fmt: skip


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """In this process; one of them as a process is below."""
    for words in COMMANDS:
        with pytest.raises(SystemExit) as left:
            parser().parse_args([*words, "--help"])
        assert left.value.code == 0, words
        assert "usage: warmline" in capsys.readouterr().out, words


def test_wrong_usage_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = [
        [], ["nonsense"], ["staff"], ["staff", "add"], ["staff", "add", "x@y.zz", "--role", "king"], ["ask"],
        ["faq", "export", "--format", "exe"], ["api-key", "create", "--role", "owner"], ["serve", "--workers"],
    ]  # fmt: skip
    for words in wrong:
        with pytest.raises(SystemExit) as left:
            parser().parse_args(words)
        assert left.value.code == 2, words
        assert capsys.readouterr().err.startswith("usage: warmline"), words


def test_help_and_wrong_usage_as_a_process_reads_them(operator: Operator) -> None:
    assert "usage: warmline" in operator.did("--help")
    done = operator.run("nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert "invalid choice" in done.stderr


def test_a_database_that_is_not_migrated_too_new_or_away_is_said_in_one_line(operator: Operator) -> None:
    operator.refused("serve", says="run `warmline migrate`")
    assert operator.did("migrate").strip() == "The database is migrated."
    with sqlite3.connect(operator.folder / "data" / "warmline.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    operator.refused("serve", says="newer version of Warmline (revision 9999)")
    operator.refused("migrate", says="newer version of Warmline (revision 9999)", here=True)
    away = "postgresql+asyncpg://warmline:topsecret@127.0.0.1:1/warmline"
    done = operator.run("migrate", WARMLINE_DATABASE_URL=away)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1), done.stderr
    assert "cannot be used" in done.stderr
    assert "topsecret" not in done.stderr


def test_a_file_that_is_no_database_is_said_in_one_line(operator: Operator) -> None:
    (operator.folder / "data").mkdir()
    (operator.folder / "data" / "warmline.db").write_bytes(b"this is a letter to my aunt" * 100)
    operator.refused("migrate", says="not a database", here=True)


def test_a_wrong_setting_is_named_in_one_line(operator: Operator) -> None:
    wrong = {
        "WARMLINE_PORT": ("99999", "port"),
        "WARMLINE_WORKERS": ("0", "workers"),
        "WARMLINE_KEEP_DAYS": ("-1", "keep_days"),
        "WARMLINE_LOG_LEVEL": ("LOUD", "log_level"),
        "WARMLINE_DATABASE_URL": ("mysql://root@localhost/x", "database_url"),
        "WARMLINE_DATABASE_URL_FILE": ("/nonexistent", "database_url_file"),
        "WARMLINE_ALLOWED_ORIGINS": ("shop.example", "allowed_origins"),
    }
    for name, (value, says) in wrong.items():
        operator.refused("migrate", says=says, here=name != "WARMLINE_PORT", **{name: value})
    (operator.folder / "warmline.toml").write_text("port = [")
    operator.refused("migrate", says="settings cannot be read", here=True)
    (operator.folder / "warmline.toml").unlink()
    operator.refused("migrate", says="cannot be made", here=True, WARMLINE_DATA_DIR="/proc/nowhere")


def test_a_port_in_use_and_too_many_workers_are_said_before_anything_is_loaded(at_work: Operator) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        at_work.refused("serve", says=f"127.0.0.1:{port} cannot be used", WARMLINE_PORT=port)
    at_work.refused("serve", says="more than one worker needs PostgreSQL", WARMLINE_WORKERS="2")


def test_a_missing_encoder_is_said_in_one_line(at_work: Operator) -> None:
    for command in (("serve",), ("ask", "Hello")):
        at_work.refused(*command, says="WARMLINE_ENCODER", WARMLINE_ENCODER="/nonexistent")


def test_an_encoder_that_was_tampered_with_is_refused(at_work: Operator) -> None:
    """A copy of the installed package with one byte changed stands first on the path."""
    package = at_work.folder / "site" / PACKAGE
    shutil.copytree(locate(None).parent, package)
    with (package / "model" / "model.safetensors").open("r+b") as weights:
        weights.seek(-1_000, os.SEEK_END)
        byte = weights.read(1)
        weights.seek(-1, os.SEEK_CUR)
        weights.write(bytes([byte[0] ^ 1]))
    assert fingerprint(package / "model") != PACKAGE_SHA256
    at_work.path.insert(0, str(at_work.folder / "site"))
    at_work.refused("ask", "Hello", says="not the published ones")
    at_work.path.pop(0)
    # The same weights as an operator's own encoder: no hash is expected, but our heads are not for it.
    done = at_work.run("ask", "Hello", WARMLINE_ENCODER=str(package / "model"))
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_people_and_keys_are_made_once_and_their_secrets_are_not_kept(at_work: Operator) -> None:
    add = ("staff", "add", "Kim@Example.com", "--role", "agent", "--name", "Kim", "--password-stdin")
    assert "may sign in as agent" in at_work.did(*add, said=PASSWORD + "\n")
    at_work.refused(*add, said=PASSWORD + "\n", says="already an account", here=True)
    weak = ("staff", "add", "lee@example.com", "--role", "owner", "--password-stdin")
    at_work.refused(*weak, said="short\n", says="12 characters", here=True)
    at_work.refused(
        "staff", "add", "no-address", "--role", "owner", "--password-stdin", said=PASSWORD, says="e-mail", here=True
    )
    at_work.refused("staff", "add", "lee@example.com", "--role", "owner", says="--password-stdin", here=True)
    key = at_work.did("api-key", "create", "--role", "owner", "--name", "till").strip()
    assert key.startswith("wl_")
    assert "\n" not in key
    kept = (at_work.folder / "data" / "warmline.db").read_bytes()
    assert b"kim@example.com" in kept
    assert key.encode() not in kept
    assert PASSWORD.encode() not in kept


def test_the_faq_goes_out_and_in_again_unchanged_and_a_bad_file_is_not_taken(at_work: Operator) -> None:
    out = at_work.folder / "faq.csv"
    assert at_work.did("faq", "export", "--format", "csv", str(out)) == ""
    lines = at_work.did("faq", "export").splitlines()
    assert len(lines) == 44
    assert set(json.loads(lines[0])) == {"id", "category", "question", "answer", "alternates"}
    assert at_work.did("faq", "import", str(out), "--replace").strip() == (
        "0 added, 0 changed, 44 unchanged, 0 withdrawn."
    )
    bad = at_work.folder / "bad.jsonl"
    bad.write_text(lines[0] + "\n{oops\n")
    at_work.refused("faq", "import", str(bad), says="line 2")
    at_work.refused("faq", "import", "none-such.jsonl", says="cannot be read", here=True)
    big = at_work.folder / "big.jsonl"
    with big.open("wb") as file:
        file.truncate(50_000_000)
    at_work.refused("faq", "import", str(big), says="larger than 10 MB", here=True)
    at_work.refused("faq", "export", "/nonexistent/faq.jsonl", says="cannot be written", here=True)


def test_a_question_and_a_folder_are_answered_as_json(at_work: Operator) -> None:
    found = json.loads(at_work.did("ask", "What are your opening hours?", "--json"))
    assert (found["decision"], found["faq_id"]) == ("answer", "opening-hours")
    assert found["why"]
    folder = at_work.folder / "measure"
    folder.mkdir()
    faq = [
        {"id": f"e{n}", "category": "c", "question": q, "answer": "Yes.", "alternates": []}
        for n, q in enumerate(("When do you open?", "Do you ship abroad?", "Can I bring my dog?", "Is parking free?"))
    ]
    asked = [
        {"text": "When do you open?", "expected": "e0", "kind": "paraphrase"},
        {"text": "Is parking free?", "expected": "e3", "kind": "paraphrase"},
        {"text": "How heavy is the moon?", "expected": None, "kind": "far"},
    ]
    (folder / "faq.jsonl").write_text("\n".join(map(json.dumps, faq)))
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, asked)))
    report = json.loads(at_work.did("evaluate", str(folder), "--json"))
    assert (report["all"]["in_scope"], report["all"]["out_of_scope"]) == (2, 1)
    assert report["all"]["top1"] == 1.0
    at_work.refused("evaluate", "none-such", says="is no folder", here=True)
