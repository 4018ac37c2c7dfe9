"""Profile a model with only the SDK, and write the result to a file."""

import json
import sys
import warnings
from pathlib import Path

from azureml.core import Dataset, Environment, Model, Workspace
from azureml.core.model import InferenceConfig
from azureml.core.profile import ModelProfile
from azureml.exceptions import WebserviceException

SCORE = Path(__file__).with_name("profiled_score.py").read_text()

warnings.simplefilter("ignore")
ws = Workspace.from_config()
datastore = ws.get_default_datastore()
Path("requests.txt").write_text('{"data": [1]}\n{"data": [2]}\n{"rows": [3]}\n')
datastore.upload_files(["requests.txt"], target_path="samples", overwrite=True)


def dataset(**options):
    path = (datastore, "samples/requests.txt")
    return Dataset.Tabular.from_delimited_files(path, separator="\n", header=False, **options)


def profile(name, script, rows):
    Path("score.py").write_text(script)
    environment = Environment.from_conda_specification("profiled", "myenv.yml")
    config = InferenceConfig(entry_script="score.py", environment=environment)
    made = Model.profile(ws, name, [], config, input_dataset=rows, cpu=1.0, memory_in_gb=0.5)
    made.wait_for_completion()
    return made


def refused(make):
    try:
        make()
    except WebserviceException as error:
        return str(error)
    return ""


found = {"details": profile("first", SCORE, dataset()).get_details()}
found["again"] = ModelProfile(ws, "first").recommended_memory
failed = profile("broken", SCORE.replace("held = ", "held = missing + "), dataset())
found["broken"] = [failed.state, failed.error["message"], bool(failed.error_logs_url)]
found["step"] = refused(lambda: profile("steps", SCORE, dataset().skip(1)))
found["nope"] = refused(lambda: ModelProfile(ws, "nope"))
found["services"] = [*ws.webservices]
Path(sys.argv[1]).write_text(json.dumps(found, default=str))
