"""What a person may set, and what a person is told who set it wrong."""

import datetime as dt
import os
import traceback
from pathlib import Path

import pytest
from pydantic import SecretStr

from contracts.errors import ConfigurationError
from lakehouse_assets.settings import DEMO_MASK_SALT, PREFIX, Secrets, Settings, engine_token, load_settings, mask_salt

SALT = "correct-horse-battery-staple"
WEBHOOK = "https://hooks.example.com/services/T0/B0/staple-battery-horse"

GIVEN = {
    "ROOT": ("s3://bucket/lake", "s3://bucket/lake"),
    "START_DATE": ("2026-03-01", dt.date(2026, 3, 1)),
    "ENGINE": ("spark", "spark"),
    "ENGINE_MEMORY": ("4GiB", 4 * 2**30),
    "EMR_APPLICATION": ("00abc", "00abc"),
    "EMR_ROLE": ("arn:aws:iam::123456789012:role/lake", "arn:aws:iam::123456789012:role/lake"),
    "LINEAGE": ("/var/lineage.jsonl", Path("/var/lineage.jsonl")),
    "SNOWFLAKE": ("files", "files"),
    "REDSHIFT": ("files", "files"),
    "SALESFORCE": ("files", "files"),
    "KAFKA": ("files", "files"),
    "FX": ("files", "files"),
    "FILES_ROOT": ("/data", Path("/data")),
    "POLLED": ("snowflake,fx", ("snowflake", "fx")),
    "AUTOMATION": ("off", "off"),
    "DEMO_SCALE": ("0.25", 0.25),
    "DEMO_SEED": ("7", 7),
    "ALERTS": (WEBHOOK, SecretStr(WEBHOOK)),
    "NOW": ("2026-03-05T06:00:00Z", dt.datetime(2026, 3, 5, 6, tzinfo=dt.UTC)),
}


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A working folder without `.env`, and an environment without the lakehouse's variables."""
    for variable in os.environ:
        if variable.startswith(PREFIX):
            monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def given(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(PREFIX + name, value)


def told(error: BaseException) -> str:
    """All that a person sees of an error, causes included."""
    return "".join(traceback.format_exception(error))


def test_each_variable_sets_its_field(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {name.upper() for name in Settings.model_fields} == set(GIVEN)
    given(monkeypatch, **{name: text for name, (text, _) in GIVEN.items()})
    settings = load_settings()
    assert {name: getattr(settings, name.lower()) for name in GIVEN} == {
        name: value for name, (_, value) in GIVEN.items()
    }


def test_each_variable_and_secret_is_documented() -> None:
    fields = {**Settings.model_fields, **Secrets.model_fields}
    assert [name for name, field in fields.items() if not field.description] == []


def test_without_variables_the_demo_fills_a_folder_beside_the_reader(folder: Path) -> None:
    settings = load_settings()
    assert (settings.root, settings.demo_only, settings.now) == (str(folder / "lake"), True, None)


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / ".env").write_text(f"{PREFIX}DEMO_SEED=3\n{PREFIX}DEMO_SCALE=2\nOTHER=x\n")
    given(monkeypatch, DEMO_SEED="4")
    assert (load_settings().demo_seed, load_settings().demo_scale) == (4, 2.0)


def test_a_setting_can_not_be_changed_by_the_code_that_reads_it() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().demo_seed = 5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ROOT", "gs://bucket/lake"),
        ("START_DATE", "1st of March"),
        ("ENGINE", "duckdb"),
        ("SNOWFLAKE", "oracle"),
        ("FX", "bank"),
        ("DEMO_SCALE", "0"),
        ("DEMO_SCALE", "inf"),
        ("DEMO_SCALE", "nan"),
        ("DEMO_SEED", "-1"),
        ("NOW", "noon"),
    ],
)
def test_a_malformed_variable_is_named_with_what_was_given(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    given(monkeypatch, **{name: value})
    with pytest.raises(ConfigurationError, match=f"^{PREFIX}{name}: .*given: '{value}'"):
        load_settings()


def test_every_malformed_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, DEMO_SEED="x", DEMO_SCALE="-1")
    with pytest.raises(ConfigurationError) as raised:
        load_settings()
    assert PREFIX + "DEMO_SEED" in str(raised.value)
    assert PREFIX + "DEMO_SCALE" in str(raised.value)


@pytest.mark.parametrize("source", ["SNOWFLAKE", "FX"])
def test_files_need_their_folder(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    given(monkeypatch, **{source: "files"})
    with pytest.raises(ConfigurationError, match=f"{PREFIX}FILES_ROOT is required"):
        load_settings()


@pytest.mark.parametrize("wrong", [{"SNOWFLAKE": "files"}, {"DEMO_SEED": "x"}])
@pytest.mark.parametrize("from_file", [True, False])
def test_no_error_shows_a_secret(
    monkeypatch: pytest.MonkeyPatch, folder: Path, wrong: dict[str, str], from_file: bool
) -> None:
    variables = wrong | {"MASK_SALT": SALT}
    if from_file:
        (folder / ".env").write_text("".join(f"{PREFIX}{name}={value}\n" for name, value in variables.items()))
    else:
        given(monkeypatch, **variables)
    with pytest.raises(ConfigurationError) as raised:
        load_settings()
    # Long values are shortened where errors show them, to their beginning and end.
    assert [SALT[at : at + 6] for at in range(len(SALT) - 5) if SALT[at : at + 6] in told(raised.value)] == []


def test_secrets_are_hidden_wherever_they_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, MASK_SALT=SALT)
    assert Secrets().mask_salt is not None
    assert SALT not in f"{Secrets()!r} {Secrets()} {load_settings()!r} {Secrets().model_dump_json()}"


@pytest.mark.parametrize("wrong", [{"SNOWFLAKE": "files"}, {"DEMO_SEED": "x"}, {}])
@pytest.mark.parametrize("address", [WEBHOOK, WEBHOOK.replace("https", "htps"), WEBHOOK.removeprefix("https://")])
@pytest.mark.parametrize("from_file", [True, False])
def test_a_webhooks_address_is_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch, folder: Path, wrong: dict[str, str], address: str, from_file: bool
) -> None:
    variables = wrong | {"ALERTS": address}
    if from_file:
        (folder / ".env").write_text("".join(f"{PREFIX}{name}={value}\n" for name, value in variables.items()))
    else:
        given(monkeypatch, **variables)
    try:
        settings = load_settings()
        shown = f"{settings!r} {settings} {settings.model_dump_json()} {settings.model_dump()}"
    except ConfigurationError as error:
        shown = told(error)
    secret = WEBHOOK.removeprefix("https://")
    assert [secret[at : at + 8] for at in range(len(secret) - 7) if secret[at : at + 8] in shown] == []


def test_an_address_that_no_alert_can_go_to_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, ALERTS="slack")
    with pytest.raises(ConfigurationError, match=f"^{PREFIX}ALERTS: .*is 'log', a file .* or a webhook"):
        load_settings()


def test_alerts_go_to_the_log_by_default_and_to_a_file_where_it_was_set(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    assert load_settings().alerts.get_secret_value() == "log"
    given(monkeypatch, ALERTS="alerts.jsonl")
    assert load_settings().alerts.get_secret_value() == str(folder / "alerts.jsonl")


def test_polled_sources_are_named_with_commas_and_have_to_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().polled == ()
    given(monkeypatch, POLLED="snowflake, fx")
    assert load_settings().polled == ("snowflake", "fx")
    given(monkeypatch, POLLED="snowflake,oracle")
    with pytest.raises(
        ConfigurationError, match=f"{PREFIX}POLLED names oracle, and the sources are snowflake, redshift"
    ):
        load_settings()


@pytest.mark.parametrize("root", ["lake", "./lake", "other/../lake"])
def test_a_relative_root_means_the_folder_where_it_was_set(
    monkeypatch: pytest.MonkeyPatch, folder: Path, root: str
) -> None:
    given(monkeypatch, ROOT=root)
    settings = load_settings()
    monkeypatch.chdir("/")
    assert Path(settings.root).is_absolute()
    assert Path(settings.root).resolve() == folder / "lake"


def test_a_root_may_be_at_home(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("HOME", str(folder / "home"))
    given(monkeypatch, ROOT="~/lake")
    assert load_settings().root == str(folder / "home" / "lake")


def test_an_s3_root_has_one_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, ROOT="s3://bucket/lake/")
    assert load_settings().root == "s3://bucket/lake"


@pytest.mark.parametrize("now", ["2026-03-05T06:00:00Z", "2026-03-05T08:00:00+02:00", "2026-03-05T06:00:00"])
def test_a_fixed_clock_stands_still_in_utc(monkeypatch: pytest.MonkeyPatch, now: str) -> None:
    given(monkeypatch, NOW=now)
    clock = load_settings().clock()
    assert (clock, clock.utcoffset()) == (dt.datetime(2026, 3, 5, 6, tzinfo=dt.UTC), dt.timedelta())


def test_without_a_fixed_clock_it_is_now_in_utc() -> None:
    settings = load_settings()
    before = dt.datetime.now(dt.UTC)
    assert before <= settings.clock() <= dt.datetime.now(dt.UTC)
    assert settings.clock().utcoffset() == dt.timedelta()


def test_demo_data_is_masked_with_a_salt_that_all_know() -> None:
    assert mask_salt(load_settings()) == DEMO_MASK_SALT


@pytest.mark.parametrize("source", ["SNOWFLAKE", "FX"])
@pytest.mark.parametrize("empty", [{}, {"MASK_SALT": ""}])
def test_real_data_needs_a_salt(monkeypatch: pytest.MonkeyPatch, source: str, empty: dict[str, str]) -> None:
    given(monkeypatch, FILES_ROOT="/data", **{source: "files"}, **empty)
    settings = load_settings()
    assert not settings.demo_only
    with pytest.raises(ConfigurationError, match=f"{PREFIX}MASK_SALT is not set"):
        mask_salt(settings)
    given(monkeypatch, MASK_SALT=SALT)
    assert mask_salt(settings) == SALT


def test_a_salt_of_ones_own_goes_for_demo_data_too(folder: Path) -> None:
    (folder / ".env").write_text(f"{PREFIX}MASK_SALT={SALT}\n")
    assert mask_salt(load_settings()) == SALT


@pytest.mark.parametrize("engine", ["sail", "spark", "sc://host", "sc://host:15002/;use_ssl=true"])
def test_an_engine_is_named_or_addressed(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    given(monkeypatch, ENGINE=engine)
    assert load_settings().engine == engine


@pytest.mark.parametrize("engine", ["snail", "http://host:15002", "sc://", "sc://a host"])
def test_an_engine_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    given(monkeypatch, ENGINE=engine)
    with pytest.raises(ConfigurationError, match="LAKEHOUSE_ENGINE: "):
        load_settings()


def test_a_token_in_an_engines_address_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, ENGINE=f"sc://host:15002/;use_ssl=true;token={SALT}")
    with pytest.raises(ConfigurationError, match="holds a token, which belongs into LAKEHOUSE_ENGINE_TOKEN") as raised:
        load_settings()
    assert SALT not in told(raised.value)


def test_the_token_of_an_engine_is_read_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine_token() is None
    given(monkeypatch, ENGINE_TOKEN=SALT)
    assert engine_token() == SALT
    assert SALT not in repr(load_settings())


@pytest.mark.parametrize("engine", ["sail", "sc://host:15002"])
def test_lineage_that_no_one_would_observe_is_refused(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    given(monkeypatch, LINEAGE="lineage.jsonl", ENGINE=engine)
    with pytest.raises(
        ConfigurationError, match=f"LAKEHOUSE_LINEAGE needs LAKEHOUSE_ENGINE=spark, and that is {engine}"
    ):
        load_settings()


def test_the_file_of_lineage_means_the_same_to_every_process(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    given(monkeypatch, LINEAGE="lineage.jsonl", ENGINE="spark")
    assert load_settings().lineage == folder / "lineage.jsonl"


@pytest.mark.parametrize(
    ("left_out", "says"),
    [
        ({"EMR_ROLE"}, "needs LAKEHOUSE_EMR_ROLE"),
        ({"EMR_ROLE", "EMR_APPLICATION"}, "needs LAKEHOUSE_EMR_APPLICATION and LAKEHOUSE_EMR_ROLE"),
        ({"ROOT"}, "needs a LAKEHOUSE_ROOT on S3"),
    ],
)
def test_emr_serverless_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch, left_out: set[str], says: str) -> None:
    wanted = {"ROOT", "EMR_APPLICATION", "EMR_ROLE"} - left_out
    given(monkeypatch, ENGINE="emr-serverless", **{name: GIVEN[name][0] for name in wanted})
    with pytest.raises(ConfigurationError, match=f"LAKEHOUSE_ENGINE=emr-serverless {says}"):
        load_settings()
