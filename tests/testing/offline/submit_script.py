"""Submit a script that reads a dataset, with only the SDK, and write what it said to a file."""

import sys
from pathlib import Path

from azureml.core import Dataset, Environment, Experiment, ScriptRunConfig, Workspace

for folder in ("src", "source"):
    Path(folder).mkdir()
Path("src/a.txt").write_text("alpha")
Path("source/train.py").write_text("""
import os, sys
from azureml.core import Run

files = Run.get_context().input_datasets["digits"]
print(sys.argv[1] == files, os.listdir(files), sys.version_info[:2])
""")
ws = Workspace.from_config()
store = ws.get_default_datastore()
digits = Dataset.File.upload_directory("src", (store, "digits"), show_progress=False)
environment = Environment("mine")
environment.python.user_managed_dependencies = True
environment.python.interpreter_path = sys.executable
wanted = digits.as_named_input("digits").as_mount()
config = ScriptRunConfig("source", "train.py", [wanted], environment=environment)
run = Experiment(ws, "digits").submit(config)
run.wait_for_completion(show_output=True)
log = run.get_details_with_logs()["logFiles"]["user_logs/std_log.txt"]
Path(sys.argv[1]).write_text(log)
