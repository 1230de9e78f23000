"""The command line. Floor 3.

Every command exits 0 (done), 1 (refused; one line on standard error says what to do) or 2 (wrong usage).
"""

import argparse
import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import uvicorn
from fastapi.encoders import jsonable_encoder
from pydantic import ValidationError

from api import bias_page, demo, migrate, protocol_docs, rights
from api.app import create, version
from api.house import House, build
from api.logs import set_up
from api.problems import in_words
from api.protocol import MAX_FRAME
from bot import bias, evaluate, turn
from core import privacy, staff
from core.db import reading, transaction
from core.encoder import fingerprint, locate
from core.errors import Refusal
from core.settings import Settings
from knowledge_base import articles, exporter, importer
from knowledge_base.articles import Author

T = TypeVar("T")
COMMAND_LINE = Author("command line", "command line")
PING_EVERY = 5.0  # seconds


class CannotRun(Exception):
    """One line for the operator."""


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    try:
        settings = Settings()
    except ValidationError as error:
        return _failed(f"a setting is wrong: {in_words(error.errors())}")
    except (ValueError, OSError) as error:  # warmline.toml is no TOML, or cannot be read
        return _failed(f"the settings cannot be read: {error}")
    try:
        run: Callable[[argparse.Namespace, Settings], int] = arguments.run
        return run(arguments, settings)
    except (Refusal, CannotRun) as refusal:
        return _failed(str(refusal))
    except BrokenPipeError:
        # Whoever read our output (head, say) has enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _failed(why: str) -> int:
    print(f"warmline: {' '.join(why.split())}", file=sys.stderr)
    return 1


def _say(text: str = "") -> None:
    print(text, flush=True)


# --- commands -------------------------------------------------------------------------------------


def serve(_arguments: argparse.Namespace, settings: Settings) -> int:
    set_up(settings.log_level)
    asyncio.run(migrate.require_current(settings.url))
    if settings.workers > 1 and settings.url.startswith("sqlite"):
        raise CannotRun("more than one worker needs PostgreSQL: set WARMLINE_DATABASE_URL, or WARMLINE_WORKERS=1.")
    locate(settings.encoder)
    _require_free(settings)
    _serve(settings)
    return 0


def run_migrations(_arguments: argparse.Namespace, settings: Settings) -> int:
    done = asyncio.run(migrate.upgrade(settings.url))
    _say("The database is migrated." if done else "The database is up to date.")
    return 0


def run_demo(_arguments: argparse.Namespace, settings: Settings) -> int:
    """What `make run` calls: everything from nothing to three addresses."""
    set_up("WARNING")
    _require_free(settings)
    _say("Checking the encoder's weights ...")
    folder = locate(settings.encoder)
    demo.check_weights(settings, fingerprint(folder))
    _say("Migrating the database ...")
    asyncio.run(migrate.upgrade(settings.url))
    links = asyncio.run(_with_house(settings, lambda house: demo.prepare(house, _say)))
    _say()
    for what, address in links:
        _say(f"  {what:<12} {address}")
    _say("\nThe sign-in links work once, for half an hour. Stop with Ctrl+C.\n")
    _serve(settings)
    return 0


def staff_add(arguments: argparse.Namespace, settings: Settings) -> int:
    if not arguments.password_stdin:
        raise CannotRun("give the password on standard input and say so with --password-stdin.")
    password = sys.stdin.readline().rstrip("\r\n")

    async def add(house: House) -> None:
        hashed = await staff.hashed(password)
        async with transaction(house.db) as session:
            await staff.add(
                session, email=arguments.email, name=arguments.name or arguments.email.partition("@")[0],
                role=arguments.role, password_hash=hashed, now=house.now(), actor=COMMAND_LINE.actor,
            )  # fmt: skip

    asyncio.run(_with_house(settings, add))
    _say(f"{arguments.email} may sign in as {arguments.role}.")
    return 0


def api_key_create(arguments: argparse.Namespace, settings: Settings) -> int:
    async def make(house: House) -> str:
        async with transaction(house.db) as session:
            return await staff.make_api_key(
                session, name=arguments.name, role=arguments.role, now=house.now(), actor=COMMAND_LINE.actor
            )

    _say(asyncio.run(_with_house(settings, make)))
    return 0


def faq_import(arguments: argparse.Namespace, settings: Settings) -> int:
    path = Path(arguments.file)
    try:
        if path.stat().st_size > importer.MAX_FILE:
            raise importer.ImportTooLarge(f"{path}: larger than {importer.MAX_FILE // 1024 // 1024} MB.")
        content = path.read_bytes()
    except OSError as error:
        raise CannotRun(f"{path} cannot be read: {error.strerror}") from error
    entries = importer.read(path.name, content)

    async def bring_in(house: House) -> articles.Imported:
        house.encoder.start()
        return await articles.bring_in(
            house.db, house.encoder, entries, replace=arguments.replace, by=COMMAND_LINE, now=house.now()
        )

    done = asyncio.run(_with_house(settings, bring_in))
    _say(f"{done.added} added, {done.changed} changed, {done.unchanged} unchanged, {done.withdrawn} withdrawn.")
    return 0


def faq_export(arguments: argparse.Namespace, settings: Settings) -> int:
    async def fetch(house: House) -> str:
        async with reading(house.db) as session:
            return exporter.write(await articles.published(session), arguments.format)

    text = asyncio.run(_with_house(settings, fetch))
    if arguments.file is None:
        sys.stdout.write(text)
        return 0
    _write(arguments.file, text)
    return 0


def ask(arguments: argparse.Namespace, settings: Settings) -> int:
    async def think(house: House) -> dict[str, object]:
        house.encoder.start()
        await house.refresh()
        return (await turn.rehearse(house.bot, arguments.text)).as_json()

    found = asyncio.run(_with_house(settings, think))
    if arguments.json:
        _say(json.dumps(found, ensure_ascii=False, indent=1))
        return 0
    _say(f"{found['decision']} (rule {found['rule']}, handoff {found['handoff']})\n\n{found['text']}\n\n{found['why']}")
    return 0


def run_evaluation(arguments: argparse.Namespace, settings: Settings) -> int:
    folder = Path(arguments.dir)
    if not folder.is_dir():
        raise CannotRun(f"{folder} is no folder.")
    report = asyncio.run(evaluate.run(folder, settings.encoder))
    _say(json.dumps(asdict(report), indent=1) if arguments.json else evaluate.as_text(report))
    return 0


async def _visitor(house: House, some_id: UUID) -> UUID:
    async with reading(house.db) as session:
        return await privacy.who(session, some_id)


def visitor_export(arguments: argparse.Namespace, settings: Settings) -> int:
    async def collect(house: House) -> dict[str, Any]:
        await house.refresh()
        return await rights.data_of(house, await _visitor(house, arguments.id))

    found = asyncio.run(_with_house(settings, collect))
    _say(json.dumps(jsonable_encoder(found), ensure_ascii=False, indent=1))
    return 0


def visitor_erase(arguments: argparse.Namespace, settings: Settings) -> int:
    async def erase(house: House) -> tuple[privacy.Receipt, bool]:
        receipt = await rights.erase(house, await _visitor(house, arguments.id), COMMAND_LINE.actor)
        return receipt, await rights.scrub(house)

    receipt, clean = asyncio.run(_with_house(settings, erase))
    rows = ", ".join(f"{count} {table.replace('_', ' ')}" for table, count in receipt.counts.items() if count)
    _say(f"Erased: {rows}. Receipt {receipt.id}.")
    if not clean:
        _say("The database's files are in use; the running server removes the last traces from them.")
    _say(rights.BACKUPS.replace("your data", "this visitor's data").partition(" Ask ")[0])
    return 0


def run_retention(arguments: argparse.Namespace, settings: Settings) -> int:
    if settings.keep_days == 0:
        _say("Nothing to do: WARMLINE_KEEP_DAYS is 0, so conversations are kept until somebody erases them.")
        return 0

    async def retain(house: House) -> rights.Retained:
        done = await rights.retain(house, dry_run=arguments.dry_run)
        await rights.scrub(house)
        return done

    done = asyncio.run(_with_house(settings, retain))
    what = "would be erased; nothing was" if arguments.dry_run else "were erased"
    _say(
        f"{done.conversations} conversations of {done.visitors} visitors, over for more than {settings.keep_days} "
        f"days, {what}."
    )
    return 0


def audit_bias(arguments: argparse.Namespace, settings: Settings) -> int:
    """Needs no database: only the models are asked."""

    async def measure() -> bias.Report:
        house = build(settings)
        try:
            house.encoder.start()
            return await bias.audit(house.mind, house.now().date())
        finally:
            await house.close()

    found = asyncio.run(measure())
    if arguments.html is not None:
        _write(arguments.html, bias_page.written(found))
    if arguments.json is not None:
        _write(arguments.json, json.dumps(jsonable_encoder(asdict(found)), ensure_ascii=False, indent=1))
    _say(bias.as_text(found))
    return 0


def _write(file: str, content: str) -> None:
    try:
        Path(file).write_text(content, encoding="utf-8", newline="")
    except OSError as error:
        raise CannotRun(f"{file} cannot be written: {error.strerror}") from error


def write_protocol(arguments: argparse.Namespace, _settings: Settings) -> int:
    stale = protocol_docs.write(check=arguments.check)
    if stale:
        raise CannotRun(f"{', '.join(stale)} not up to date: run `python -m api protocol`.")
    return 0


# --- how they run ---------------------------------------------------------------------------------


async def _with_house(settings: Settings, work: Callable[[House], Awaitable[T]]) -> T:
    await migrate.require_current(settings.url)
    async with _house(settings) as house:
        return await work(house)


@asynccontextmanager
async def _house(settings: Settings) -> AsyncIterator[House]:
    house = build(settings)
    await house.bus.start()
    try:
        yield house
    finally:
        await house.close()


def _require_free(settings: Settings) -> None:
    """A clear word before torch is loaded, rather than a traceback after."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise CannotRun(
                f"{settings.host}:{settings.port} cannot be used ({error.strerror}): stop what listens there, "
                "or set WARMLINE_PORT to another port."
            ) from error


def server_options(settings: Settings) -> dict[str, Any]:
    """uvicorn's options; a dead line must be noticed within 10 s, see handoff/presence.py."""
    return {
        "host": settings.host, "port": settings.port, "log_config": None, "access_log": False,
        "ws": "websockets-sansio", "ws_max_size": MAX_FRAME, "ws_per_message_deflate": False,
        "ws_ping_interval": PING_EVERY, "ws_ping_timeout": PING_EVERY,
        "timeout_graceful_shutdown": 10, "server_header": False,
    }  # fmt: skip


def _serve(settings: Settings) -> None:
    options = server_options(settings)
    if settings.workers > 1:
        uvicorn.run("api.app:from_environment", factory=True, workers=settings.workers, **options)
        return
    uvicorn.run(create(build(settings)), **options)


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="warmline", description="Support chat that knows when to fetch a person.")
    root.add_argument("--version", action="version", version=f"warmline {version()}")
    commands = root.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace, Settings], int], help: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help, description=help)
        made.set_defaults(run=run)
        return made

    command("serve", serve, "Serve the chat, the desk and the owner's pages.")
    command("migrate", run_migrations, "Bring the database to the form that this version needs.")
    command("demo", run_demo, "Migrate, load the demo business, print sign-in links, serve.")

    people = commands.add_parser("staff", help="Accounts of agents and owners.").add_subparsers(
        required=True, metavar="COMMAND"
    )
    add = people.add_parser("add", help="Add an agent or an owner.")
    add.add_argument("email")
    add.add_argument("--role", choices=("owner", "agent"), required=True)
    add.add_argument("--name", default="")
    add.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    add.set_defaults(run=staff_add)

    keys = commands.add_parser("api-key", help="Keys for machines.").add_subparsers(required=True, metavar="COMMAND")
    make = keys.add_parser("create", help="Make a key; it is printed once.")
    make.add_argument("--role", choices=("owner", "agent"), required=True)
    make.add_argument("--name", required=True)
    make.set_defaults(run=api_key_create)

    faq = commands.add_parser("faq", help="Import and export the FAQ.").add_subparsers(required=True, metavar="COMMAND")
    bring = faq.add_parser("import", help="Publish the entries of a file (.jsonl .csv .json .html .md), all or none.")
    bring.add_argument("file")
    bring.add_argument("--replace", action="store_true", help="withdraw every entry that is not in the file")
    bring.set_defaults(run=faq_import)
    take = faq.add_parser("export", help="Write the published entries to a file or standard output.")
    take.add_argument("--format", choices=tuple(exporter.MEDIA), default="jsonl")
    take.add_argument("file", nargs="?")
    take.set_defaults(run=faq_export)

    question = command("ask", ask, "What would the bot do with this message, and why?")
    question.add_argument("text")
    question.add_argument("--json", action="store_true")

    measure = command("evaluate", run_evaluation, "Measure the bot on a folder of labelled questions.")
    measure.add_argument("dir")
    measure.add_argument("--json", action="store_true")

    visitors = commands.add_parser("visitor", help="What is stored about one visitor.").add_subparsers(
        required=True, metavar="COMMAND"
    )
    for name, run, what in (
        ("export", visitor_export, "Print all that is stored about a visitor, as JSON."),
        ("erase", visitor_erase, "Erase all that is stored about a visitor. There is no way back."),
    ):
        about = visitors.add_parser(name, help=what, description=what)
        about.add_argument("id", type=UUID, help="the visitor's id, or that of one of the visitor's conversations")
        about.set_defaults(run=run)

    keeping = commands.add_parser("retention", help="How long conversations are kept.").add_subparsers(
        required=True, metavar="COMMAND"
    )
    what = "Erase the conversations that are over for longer than WARMLINE_KEEP_DAYS."
    retain = keeping.add_parser("run", help=what, description=what)
    retain.add_argument("--dry-run", action="store_true", help="only tell what would be erased")
    retain.set_defaults(run=run_retention)

    audits = commands.add_parser("audit", help="How the bot judges.").add_subparsers(required=True, metavar="COMMAND")
    what = "Does the bot judge the same words alike, whoever seems to write them?"
    fair = audits.add_parser("bias", help=what, description=what)
    fair.add_argument("--html", metavar="FILE", help="write the report as one page")
    fair.add_argument("--json", metavar="FILE", help="write the figures as JSON")
    fair.set_defaults(run=audit_bias)

    wire = command("protocol", write_protocol, "Write docs/protocol.md and the TypeScript types (for developers).")
    wire.add_argument("--check", action="store_true", help="only tell whether they are up to date")
    return root
