"""The exporter of Application Insights is imported when it is used, where it can be imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from modelship.runtime import deferred_exporter
from modelship.server import offered_submodules

CODE = Path(deferred_exporter.__file__)
CLIENT = """
from azure.monitor.opentelemetry.exporter import AzureMonitorLogExporter, AzureMonitorTraceExporter

class AppInsightsClient:
    def __init__(self):
        self.exporters = [AzureMonitorLogExporter(1), AzureMonitorTraceExporter(sent=2)]
"""
EXPORTER = """
import slow_library

class AzureMonitorLogExporter:
    def __init__(self, *arguments, **options):
        self.given = [arguments, options]

class AzureMonitorTraceExporter(AzureMonitorLogExporter):
    pass
"""
SERVER = """
import json, runpy, sys
sys.prefix, code = sys.argv[1:]
sys.path.insert(0, sys.prefix)
runpy.run_path(code)["install"]()
from azureml_inference_server_http.server import appinsights_client
exporter = "azure.monitor.opentelemetry.exporter"
at_start = [exporter in sys.modules, "slow_library" in sys.modules]
made = appinsights_client.AppInsightsClient().exporters
from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter
assert isinstance(made[1], AzureMonitorTraceExporter)
print(json.dumps([at_start, [each.given for each in made]]))
"""
SCRIPT = """
import json, runpy, sys
sys.prefix, code = sys.argv[1:]
sys.path.insert(0, sys.prefix)
runpy.run_path(code)["install"]()
from azureml_inference_server_http.server import appinsights_client
import urllib
at_start = "urllib.request" in sys.modules
print(json.dumps([at_start, hasattr(urllib, "request"), hasattr(urllib, "other")]))
"""
BUILD = """
import runpy, sys
sys.prefix, code = sys.argv[1:]
sys.path.insert(0, sys.prefix)
runpy.run_path(code, run_name="__main__")
"""
SETTINGS = """
import json, runpy, sys
found = runpy.run_path(sys.argv[1], run_name="__config__")
print(json.dumps([type(sys.meta_path[0]).__name__, found["workers"]]))
"""


@pytest.fixture
def environment(tmp_path):
    """Return a folder with the server's module, the exporter, and a library that it imports."""
    files = {
        "azureml_inference_server_http/server/appinsights_client.py": CLIENT,
        "azure/monitor/opentelemetry/exporter/__init__.py": EXPORTER,
        "slow_library.py": "",
    }
    for path, text in files.items():
        (tmp_path / "lib" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lib" / path).write_text(text)
    (tmp_path / "app").mkdir()
    return tmp_path


def record(environment):
    """Record the modules of the server, as in each new environment."""
    command = [sys.executable, "-S", "-c", BUILD, environment / "lib", CODE]
    subprocess.run(command, check=True)


def start(environment, **variables):
    """Start a server; return what it had imported before it used the exporters, and these."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", SERVER, environment / "lib", CODE],
        env={"AML_APP_ROOT": str(environment / "app"), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr


def test_it_is_imported_on_first_use_once_that_has_worked(environment):
    """Without a record a server imports it at its start, with one when it creates an exporter."""
    given = [[[1], {}], [[], {"sent": 2}]]
    assert start(environment) == [[True, True], given]
    record(environment)
    assert start(environment) == [[False, False], given]


def test_an_import_that_fails_always_fails_at_the_start(environment):
    """A server whose packages do not go together fails each time, as on Azure."""
    (environment / "lib" / "slow_library.py").write_text("raise ImportError('of another release')")
    assert "of another release" in start(environment)
    record(environment)
    assert "of another release" in start(environment)


@pytest.mark.parametrize("own", ["slow_library.py", "slow_library/__init__.py"])
def test_a_bundle_that_replaces_a_package_imports_it_at_the_start(environment, own):
    """Another bundle in the same environment may have a file that the import finds first."""
    record(environment)
    (environment / "app" / own).parent.mkdir(exist_ok=True)
    (environment / "app" / own).touch()
    assert start(environment)[0] == [True, True]


def test_with_application_insights_it_is_imported_at_the_start(environment):
    """The server uses it at once."""
    record(environment)
    assert start(environment, AML_APP_INSIGHTS_ENABLED="true")[0] == [True, True]


def test_a_server_that_uses_it_at_the_start_imports_it(environment):
    """A later release of the server may have a class that is based on one of the exporter."""
    client = environment / "lib" / "azureml_inference_server_http/server/appinsights_client.py"
    client.write_text(CLIENT + "class Own(AzureMonitorLogExporter): pass")
    record(environment)
    assert start(environment)[0] == [True, True]


def test_another_python_path_imports_it_at_the_start(environment):
    """What is on a PYTHONPATH may replace a package too."""
    record(environment)
    assert start(environment, PYTHONPATH=str(environment / "other"))[0] == [True, True]


def test_a_script_finds_the_submodules_that_the_import_would_have_loaded(environment):
    """``import urllib`` is enough for urllib.request on Azure, where the exporter loads it."""
    (environment / "lib" / "slow_library.py").write_text("import urllib.request")
    record(environment)
    command = [sys.executable, "-S", "-c", SCRIPT, environment / "lib", CODE]
    variables = {"AML_APP_ROOT": str(environment / "app")}
    done = subprocess.run(command, env=variables, check=True, capture_output=True)
    assert json.loads(done.stdout) == [False, True, False]


def test_an_environment_that_cannot_be_written_works(environment):
    """Nothing is recorded where nothing can be, and nothing fails."""
    (environment / "lib" / offered_submodules.RECORD).mkdir()
    record(environment)
    assert start(environment)[0] == [True, True]


def test_settings_of_gunicorn_are_no_module(environment):
    """A bundle with its own settings has no package in place of gunicorn."""
    (environment / "lib" / "slow_library.py").write_text("import gunicorn")
    (environment / "lib" / "gunicorn.py").touch()
    (environment / "app" / "gunicorn.conf.py").touch()
    record(environment)
    assert start(environment)[0] == [False, False]


def test_in_an_image_it_is_a_settings_file(tmp_path):
    """The settings next to the script apply too, as without a settings file."""
    (tmp_path / "gunicorn.conf.py").write_text("workers = 3")
    command = [sys.executable, "-c", SETTINGS, CODE]
    found = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert json.loads(found.stdout) == ["_Finder", 3]
