"""`sluice doctor` in environments that are broken one way each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sluice.cli.main import call
from tests.support import catalogs
from tests.support.desk import Desk


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A lake with tables, no pretended clock, and no server."""
    desk = Desk(tmp_path, monkeypatch)
    desk.sell("2026-05-04", 1)
    desk.run("2026-05-04")
    monkeypatch.delenv("SLUICE_NOW")
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    return desk


def bad(desk: Desk) -> dict[str, Any]:
    """The one bad finding."""
    told = desk.ask("doctor", exit_code=6)
    (finding,) = [each for each in told["findings"] if each["level"] == "bad"]
    assert finding["remedy"], finding
    return dict(finding)


def test_a_sound_environment_exits_0_and_leaves_nothing_behind(desk: Desk) -> None:
    """It is run first, and by people who are afraid to break something."""
    before = sorted(desk.root.rglob("*"))
    assert desk.ask("doctor")["ok"] is True
    assert "Nothing is bad." in desk.say("doctor").output
    assert sorted(desk.root.rglob("*")) == before


def test_an_empty_log_entry_is_found(desk: Desk) -> None:
    """A power cut leaves one; to a Delta reader it is a commit without rows."""
    log = desk.root / "lake/gold/takings/_delta_log"
    newest = max(log.glob("*.json"))
    newest.write_bytes(b"")
    finding = bad(desk)
    assert finding["name"] == "tables"
    assert newest.name in finding["says"]


def test_a_lake_that_cannot_be_written_is_found(desk: Desk) -> None:
    """Every run would fail, after it has asked every source."""
    (desk.root / "file").write_text("not a folder")
    desk.environment.setenv("SLUICE_LAKE", str(desk.root / "file"))
    assert bad(desk)["name"] == "lake"


def test_a_lake_that_is_not_there_yet_is_not_made(desk: Desk) -> None:
    """A mistyped path must not become a lake because somebody asked."""
    desk.environment.setenv("SLUICE_LAKE", str(desk.root / "other/lake"))
    assert desk.ask("doctor")["ok"] is True
    assert not (desk.root / "other").exists()


def test_a_connection_nobody_configured_is_found(desk: Desk) -> None:
    """The contract names it; only this environment can know it."""
    catalogs.source(desk.root / "catalog")
    assert bad(desk)["remedy"] == "Set SLUICE_CONNECTIONS__ORDERS_DB."
    desk.environment.setenv("SLUICE_CONNECTIONS__ORDERS_DB", "postgresql://localhost/orders")
    assert desk.ask("doctor")["ok"] is True


def test_a_catalog_that_is_not_valid_is_found(desk: Desk) -> None:
    """And the way to the details is named."""
    (desk.root / "catalog/products/takings/contract.yaml").write_text("product: takings\n")
    assert (bad(desk)["name"], "sluice check" in bad(desk)["remedy"]) == ("catalog", True)


def test_a_wrong_setting_is_found(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """The doctor must be able to speak where nothing else can start."""
    desk.environment.setenv("SLUICE_WORKERS", "many")
    assert call(["doctor", "--json"]) == 6
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert "SLUICE_WORKERS" in str([each for each in findings if each["name"] == "settings"])


def test_a_server_that_does_not_answer_is_found(desk: Desk) -> None:
    """Runs would wait for it; readers do not."""
    desk.environment.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert bad(desk)["name"] == "server"


def test_a_pretended_clock_is_warned_of(desk: Desk) -> None:
    """Left over from a demonstration, it would keep the world at the second of May."""
    desk.environment.setenv("SLUICE_NOW", "2026-05-05T00:00:00Z")
    assert ("clock", "warn") in {(each["name"], each["level"]) for each in desk.ask("doctor")["findings"]}
