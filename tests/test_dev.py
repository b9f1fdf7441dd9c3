"""What the set-up script says when a machine is not ready, and what it skips when it is."""

import subprocess
import sys

import pytest

import dev


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """An empty checkout of its own, whose `.venv` does not exist yet."""
    for name in ("pyproject.toml", "setup.py"):
        (tmp_path / name).write_text("")
    venv = tmp_path / ".venv"
    for name, value in {"ROOT": tmp_path, "VENV": venv, "STAMP": venv / "stamp.json"}.items():
        monkeypatch.setattr(dev, name, value)
    monkeypatch.setattr(dev, "PYTHON", venv / "bin" / "python")
    return tmp_path


@pytest.fixture
def pip_calls(checkout, monkeypatch):
    """The commands that would have run pip; each succeeds at once."""
    calls: list[list[str]] = []
    (checkout / ".venv").mkdir()
    monkeypatch.setattr(dev, "run_and_listen", lambda command: (calls.append(command), (0, ""))[1])
    return calls


def test_an_old_python_is_told_what_is_needed(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    with pytest.raises(dev.SetupError, match=r"needs Python 3\.11 or newer.* is 3\.9\.18"):
        dev.ensure_python()


def test_a_folder_that_is_no_environment_is_left_alone(checkout):
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "precious").touch()
    with pytest.raises(dev.SetupError, match="not a virtual environment"):
        dev.ensure_venv()
    assert (checkout / ".venv" / "precious").exists()


def test_a_python_without_ensurepip_names_the_package_and_leaves_nothing_half_made(checkout, monkeypatch):
    monkeypatch.setattr(
        dev.subprocess,
        "run",
        lambda command, **_: subprocess.CompletedProcess(command, 1, "", "ensurepip is not available"),
    )
    with pytest.raises(dev.SetupError, match=r"apt install python3\.\d+-venv"):
        dev.ensure_venv()
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("NewConnectionError: Failed to establish a new connection", "cannot be reached"),
        ("ERROR: No matching distribution found for faiss-cpu", "no build for Python"),
        ("something else", "its last lines above say why"),
    ],
)
def test_each_way_an_installation_fails_gets_its_own_advice(output, advice):
    assert advice in dev.explain_pip_failure(output)


def test_what_a_command_says_on_stderr_is_shown_and_kept(capfd):
    code, said = dev.run_and_listen([sys.executable, "-c", "import sys; print('why', file=sys.stderr); sys.exit(3)"])
    assert (code, said) == (3, "why\n")
    assert "why" in capfd.readouterr().err


def test_a_module_that_lies_where_the_script_is_started_is_not_run(pip_calls, checkout, monkeypatch):
    (checkout / "pip.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(checkout)
    monkeypatch.setattr(dev, "PYTHON", sys.executable)
    dev.ensure_installed([], None)
    (command,) = pip_calls
    install = command.index("install")
    assert subprocess.run([*command[:install], "--version"], capture_output=True, check=False).returncode == 0


def test_a_second_run_installs_nothing(pip_calls):
    dev.ensure_installed(["test"], None)
    dev.ensure_installed(["test"], None)
    assert len(pip_calls) == 1


def test_extras_accumulate_so_that_demo_and_test_can_take_turns(pip_calls):
    dev.ensure_installed(["test"], None)
    dev.ensure_installed([], None)
    dev.ensure_installed(["video"], None)
    assert [command[-1].rpartition("[")[2] for command in pip_calls] == ["test]", "test,video]"]


def test_changed_dependencies_are_installed_again(pip_calls, checkout):
    dev.ensure_installed([], None)
    (checkout / "pyproject.toml").write_text("# something new")
    dev.ensure_installed([], None)
    assert len(pip_calls) == 2


def test_an_extra_index_for_torch_adds_to_pips_own_settings_and_is_remembered(pip_calls):
    dev.ensure_installed([], "file:///builds")
    dev.ensure_installed([], None)
    assert [command[-2:] for command in pip_calls] == [["--extra-index-url", "file:///builds"]]


def test_a_failed_installation_is_tried_again_next_time(pip_calls, monkeypatch):
    dev.ensure_installed([], None)
    with monkeypatch.context() as patch:
        patch.setattr(dev, "run_and_listen", lambda command: (1, "ReadTimeoutError"))
        with pytest.raises(dev.SetupError, match="cannot be reached"):
            dev.ensure_installed(["video"], None)
    dev.ensure_installed([], None)
    assert len(pip_calls) == 2


def test_arguments_it_does_not_know_go_to_what_it_runs():
    args, rest = dev.parse(["test", "--no-model", "-k", "geometry", "-x"])
    assert args.no_model
    assert rest == ["-k", "geometry", "-x"]
    assert dev.main(["lint", "--unknown"]) == 2


def test_one_failed_check_fails_the_whole(capsys):
    assert dev.report({"ruff check": 0, "pytest": 0}) == 0
    assert dev.report({"ruff check": 1, "pytest": 0}) == 1
    assert "FAILED  ruff check" in capsys.readouterr().out


def test_tests_run_on_the_cores_there_are_unless_one_process_is_asked_for(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")  # a person's own setting stays
    monkeypatch.setattr(dev.os, "cpu_count", lambda: 16)
    assert dev.in_parallel(["-k", "geometry"]) == ["-n", "4", "--dist", "loadfile"]
    assert dev.os.environ["OMP_NUM_THREADS"] == "3"
    monkeypatch.delenv("OMP_NUM_THREADS")
    dev.in_parallel([])
    assert dev.os.environ["OMP_NUM_THREADS"] == "4"
    for one in (["--pdb"], ["-n0"], ["-s"]):
        assert dev.in_parallel(one) == []
    monkeypatch.setattr(dev.os, "cpu_count", lambda: 1)
    assert dev.in_parallel([]) == []
