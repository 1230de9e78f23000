"""What an operator can set: ``WARMLINE_*`` in the environment, or ``warmline.toml``. Floor 0.

Every setting is documented in docs/operating.md (tests/test_docs.py fails otherwise). No secret has a
default, and nothing here can switch the bot's disclosure off: there is no such setting.
"""

import json
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, FilePath, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="WARMLINE_", frozen=True, extra="ignore", toml_file="warmline.toml", secrets_dir=None
    )

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65_535)
    workers: int = Field(default=1, ge=1, le=64)
    data_dir: Path = Path("data")
    database_url: str = ""
    database_url_file: FilePath | None = None
    encoder: Path | None = None
    encoder_backlog: int = Field(default=256, ge=8, description="texts that may wait for the encoder")
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = ()
    public_url: str = ""
    business_name: str = Field(default="", max_length=80, description='stands before "bot" in its name')
    keep_days: int = Field(default=365, ge=0, le=36_500, description="0: until somebody erases them")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"

    @field_validator("public_url")
    @classmethod
    def without_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("log_level", mode="before")
    @classmethod
    def in_capitals(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def of_a_known_kind(cls, value: str) -> str:
        return _checked_url(value) if value else value

    @field_validator("database_url_file")
    @classmethod
    def holds_a_url(cls, value: Path | None) -> Path | None:
        if value is not None:
            _checked_url(_content(value))
        return value

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def as_a_list(cls, value: object) -> object:
        """From the environment: parted by commas, or a JSON list."""
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return json.loads(value)
        return [part.strip() for part in value.split(",") if part.strip()]

    @field_validator("allowed_origins")
    @classmethod
    def are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            parts = urlsplit(origin.rstrip("/"))
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
                raise ValueError("an origin looks like https://shop.example, with nothing after the host and port")
        return value

    @property
    def url(self) -> str:
        """The database's SQLAlchemy address; SQLite in ``data_dir`` unless one is given."""
        if self.database_url_file is not None:
            return _content(self.database_url_file)
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'warmline.db'}"

    @property
    def base_url(self) -> str:
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def secure_cookies(self) -> bool:
        return self.public_url.startswith("https://")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from error


def _checked_url(url: str) -> str:
    if not url.startswith(("sqlite+aiosqlite://", "postgresql+asyncpg://")):
        raise ValueError("it must begin with sqlite+aiosqlite:/// or postgresql+asyncpg://")
    return url
