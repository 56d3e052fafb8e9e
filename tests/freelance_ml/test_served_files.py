"""The files of the served mode name commands, paths and settings that exist; deployment checks are silent."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.core.exceptions import ImproperlyConfigured

from freelance_ml import env, storage_url

ROOT = Path(__file__).resolve().parents[2]
OTHERS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def dockerfile():
    return (ROOT / "Dockerfile").read_text()


def test_compose_starts_what_exists(compose):
    commands = {name: service["command"] for name, service in compose["services"].items() if "build" in service}
    assert set(commands) == {"migrate", "web", "worker", "dispatcher"}
    for command in commands.values():
        program, *words = command
        assert program == "python" or (Path(sys.prefix) / "bin" / program).exists()
        if program == "python":
            assert (ROOT / words[0]).exists()


def test_compose_sets_only_variables_that_are_read(compose):
    for service in compose["services"].values():
        if "build" in service:
            assert set(service["environment"]) <= set(env.VARIABLES) | OTHERS


def test_compose_tells_the_application_its_own_port_and_proxy_whatever_env_says(compose):
    gateway = compose["networks"]["default"]["ipam"]["config"][0]["gateway"]
    for service in compose["services"].values():
        if "build" in service:
            assert service["env_file"] == ".env"
            assert (service["environment"]["PORT"], service["environment"]["LISTEN_ON"]) == ("8000", "0.0.0.0")  # noqa: S104  # inside the container, whose port the compose file opens to this machine alone
            assert service["environment"]["TRUSTED_PROXIES"] == f"${{TRUSTED_PROXIES:-{gateway}}}"
            assert "/tmp" in service["volumes"]  # noqa: S108  # the name of a mount, no file that is opened
    assert "127.0.0.1" in compose["services"]["postgres"]["healthcheck"]["test"]


def test_compose_gives_the_application_no_privilege(compose):
    for service in compose["services"].values():
        if "build" in service:
            assert service["cap_drop"] == ["ALL"]
            assert service["read_only"] is True
            assert "no-new-privileges:true" in service["security_opt"]


def test_the_image_copies_what_exists_and_is_not_root(dockerfile):
    for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
    assert re.search(r"^USER freelance$", dockerfile, re.MULTILINE)
    assert dockerfile.rindex("USER freelance") < dockerfile.rindex("HEALTHCHECK")


def test_the_image_has_every_package_of_the_application(dockerfile):
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    for package in packages:
        assert f"COPY {package} ./{package}" in dockerfile
    assert "COPY templates ./templates" in dockerfile


@pytest.fixture
def image(tmp_path, dockerfile):
    """The files as the last stage of the image has them: nothing else of the project is there."""
    folder = tmp_path / "app"
    for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile.rpartition("\nFROM ")[2], re.MULTILINE):
        *sources, target = line.split()
        for source in sources:
            copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
            place = folder / (source if target == "./" else target)
            place.parent.mkdir(exist_ok=True)
            copy(ROOT / source, place)
    (folder / "static-built").symlink_to(ROOT / "static-built")
    return folder


def in_image(image, *command):
    environment = {**os.environ, "SITE_URL": "https://ml.example.com", "FREELANCE_ML_VAR": str(image.parent / "var")}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "-m", *command] if command[0] != "manage.py" else [sys.executable, *command]
    return subprocess.run(command, cwd=image, env=environment, capture_output=True, text=True, check=False)


def test_commands_run_in_the_image(image):
    checked = in_image(image, "manage.py", "check", "--fail-level", "WARNING")
    assert checked.returncode == 0, checked.stderr
    assert not (image / "node_modules").exists()
    (image / "static-built").unlink()
    assert "freelance_ml.E001" in in_image(image, "manage.py", "check").stderr


WHAT_GUNICORN_SETS = """
import runpy
conf = runpy.run_path("gunicorn.conf.py")
from prometheus_client import values
print(values.ValueClass.__name__, conf["logconfig_dict"]["loggers"]["gunicorn.access"]["level"])
conf["on_exit"](None)
"""


def test_the_web_server_adds_its_processes_up_and_leaves_requests_to_the_application(image, tmp_path, monkeypatch):
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (image / "look.py").write_text(WHAT_GUNICORN_SETS)
    assert in_image(image, "look").stdout.split() == ["MmapedValue", "CRITICAL"]
    assert not list(tmp_path.glob("freelance-ml-figures-*"))


def test_nothing_that_may_hold_secrets_or_data_reaches_the_builder():
    left_out = set((ROOT / ".dockerignore").read_text().split())
    ours = {line.strip("/") for line in (ROOT / ".gitignore").read_text().split()}
    assert {".env*", "var", "backups", ".git", ".venv", "node_modules"} <= left_out
    assert {".env", "var", "backups"} <= ours


def test_uv_is_the_same_everywhere(dockerfile):
    pinned = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE).group(1)
    assert f"uv=={pinned}" in dockerfile


def test_the_health_check_of_the_image_can_be_asked():
    environment = {**os.environ, "PORT": "1", "SITE_URL": "https://ml.example.com"}
    asked = subprocess.run(
        [sys.executable, "-m", "freelance_ml.up.ask_health"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 1
    assert "no answer" in asked.stdout


def test_deployment_checks_are_silent_with_an_https_address(tmp_path):
    environment = {**os.environ, "SITE_URL": "https://ml.example.com", "FREELANCE_ML_VAR": str(tmp_path)}
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    checked = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "no issues" in checked.stdout


@pytest.mark.parametrize("script", [".ci/run", "scripts/make_venv.sh", "scripts/npm_ci.sh"])
def test_scripts_are_well_formed(script):
    path = ROOT / script
    shell = path.read_text().splitlines()[0].rsplit("/", 1)[1].split()[-1]
    subprocess.run([shutil.which(shell), "-n", str(path)], check=True)
    if script == ".ci/run":
        assert path.stat().st_mode & stat.S_IXUSR


def test_the_readme_names_targets_that_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in ["README.md", "CONTRIBUTING.md", "docs/deploy.md"]:
        named = set(re.findall(r"\bmake ([a-z-]+)(?=[`\s;]|$)", (ROOT / document).read_text()))
        named -= {"and", "sure"}
        assert named <= targets, document


class TestStorageAddress:
    def test_a_folder_is_private(self, tmp_path):
        options = storage_url.configuration("", folder=tmp_path)["OPTIONS"]
        assert options["location"] == tmp_path
        assert options["file_permissions_mode"] == 0o600

    def test_a_bucket_is_described_by_its_address(self):
        url = "s3://bucket/some/prefix?endpoint=https://s3.example.com&region=eu-central-1&addressing=path"
        options = storage_url.configuration(url, folder=Path())["OPTIONS"]
        assert options["bucket_name"] == "bucket"
        assert options["location"] == "some/prefix"
        assert options["endpoint_url"] == "https://s3.example.com"
        assert (options["region_name"], options["addressing_style"]) == ("eu-central-1", "path")

    @pytest.mark.parametrize("url", ["http://bucket", "s3://", "s3://key:secret@bucket", "s3://bucket?colour=red"])
    def test_another_address_is_refused_without_repeating_it(self, url):
        with pytest.raises(ImproperlyConfigured) as refused:
            storage_url.configuration(url, folder=Path())
        assert "secret" not in str(refused.value)
