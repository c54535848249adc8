"""What `make run` takes from .env."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def with_env(folder, *, environ):
    """What `scripts/with-env` hands on, run in a folder of its own."""
    (folder / "scripts").mkdir()
    script = folder / "scripts" / "with-env"
    script.write_bytes((ROOT / "scripts" / "with-env").read_bytes())
    done = subprocess.run(
        ["bash", str(script), "env"],
        env={"PATH": "/usr/bin:/bin", **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith(("LOGMILL_", "OTHER"))]
    return dict(line.split("=", 1) for line in lines)


def test_make_run_takes_the_settings_of_env_file_below_those_of_the_environment(tmp_path):
    (tmp_path / ".env").write_text(
        '# LOGMILL_COMMENT=1\nLOGMILL_A=from file\nLOGMILL_B="quoted = $HOME"\nLOGMILL_C=file\nOTHER=x\nLOGMILL_D=last'
    )
    assert with_env(tmp_path, environ={"LOGMILL_C": "environment"}) == {
        "LOGMILL_A": "from file",
        "LOGMILL_B": "quoted = $HOME",
        "LOGMILL_C": "environment",
        "LOGMILL_D": "last",
    }


def test_make_run_works_without_an_env_file(tmp_path):
    assert with_env(tmp_path, environ={"LOGMILL_A": "1"}) == {"LOGMILL_A": "1"}
