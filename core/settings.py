"""What an operator can set: ``WARMLINE_*`` in the environment, or ``warmline.toml``. Floor 0.

Every setting is documented in docs/operating.md (tests/test_docs.py fails otherwise). No secret has a
default, and nothing here can switch the bot's disclosure off: there is no such setting.
"""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import (
    BaseSettings,
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
    database_url_file: Path | None = None
    encoder: Path | None = None
    encoder_backlog: int = Field(default=256, ge=8, description="texts that may wait for the encoder")
    allowed_origins: tuple[str, ...] = ()
    public_url: str = ""
    business_name: str = Field(default="", max_length=80, description='stands before "bot" in its name')
    log_level: str = "INFO"

    @field_validator("public_url")
    @classmethod
    def without_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @property
    def url(self) -> str:
        """The database's SQLAlchemy address; SQLite in ``data_dir`` unless one is given."""
        if self.database_url_file is not None:
            return self.database_url_file.read_text(encoding="utf-8").strip()
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
