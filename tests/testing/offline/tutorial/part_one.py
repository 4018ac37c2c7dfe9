"""The first half of the tutorial: a script is trained on a cluster, and its model registered.

The calls are those of Microsoft's notebook, in its order. What is printed there for people to look
at is kept in findings.json as well. Where azureml-dataprep is installed, the data is a dataset that
is mounted; elsewhere the script downloads it from the datastore. The packages are the submitter's;
the notebook in examples/azureml-tutorial has an environment installed.
"""

# %% Imports
import importlib.util
import json
import os
import sys

import azureml.core
import numpy as np
import sklearn
from azureml.core import Dataset, Environment, Experiment, ScriptRunConfig, Workspace
from azureml.core.compute import AmlCompute, ComputeTarget
from sklearn.datasets import load_digits

print("Azure ML SDK", azureml.core.VERSION, "scikit-learn", sklearn.__version__)
with_datasets = importlib.util.find_spec("azureml.dataprep") is not None

# %% The workspace and the experiment
ws = Workspace.from_config()
exp = Experiment(workspace=ws, name="sklearn-mnist")

# %% The cluster
compute_name = os.environ.get("AML_COMPUTE_CLUSTER_NAME", "cpu-cluster")
if compute_name in ws.compute_targets:
    compute_target = ws.compute_targets[compute_name]
else:
    provisioning_config = AmlCompute.provisioning_configuration(
        vm_size="STANDARD_D2_V2", min_nodes=0, max_nodes=4
    )
    compute_target = ComputeTarget.create(ws, compute_name, provisioning_config)
    compute_target.wait_for_completion(show_output=True, min_node_count=None, timeout_in_minutes=20)
    print(compute_target.get_status().serialize())

# %% The data
data_folder = os.path.join(os.getcwd(), "data")
os.makedirs(data_folder, exist_ok=True)
X, y = load_digits(return_X_y=True)
np.save(os.path.join(data_folder, "X.npy"), X / 16.0)
np.save(os.path.join(data_folder, "y.npy"), y)

datastore = ws.get_default_datastore()
if with_datasets:
    Dataset.File.upload_directory(data_folder, (datastore, "digits"), show_progress=False)
    dataset = Dataset.File.from_files(path=(datastore, "digits/**"))
    dataset = dataset.register(workspace=ws, name="digits", create_new_version=True)
    data = dataset.as_mount()
else:
    datastore.upload(src_dir=data_folder, target_path="digits", show_progress=False)
    data = "downloaded/digits"

# %% The training script
script_folder = os.path.join(os.getcwd(), "sklearn-mnist")
os.makedirs(script_folder, exist_ok=True)
with open(os.path.join(script_folder, "train.py"), "w") as file:
    file.write("""
import argparse
import os

import joblib
import numpy as np
from azureml.core import Run
from sklearn.linear_model import LogisticRegression

from utils import load_data

parser = argparse.ArgumentParser()
parser.add_argument("--data-folder", type=str, dest="data_folder")
parser.add_argument("--regularization", type=float, dest="reg", default=0.01)
args = parser.parse_args()

run = Run.get_context()
if not os.path.exists(args.data_folder):
    run.experiment.workspace.get_default_datastore().download("downloaded", prefix="digits")
X_train, X_test, y_train, y_test = load_data(args.data_folder)
print("Train on", X_train.shape, "with regularization rate of", args.reg)
clf = LogisticRegression(C=1.0 / args.reg, max_iter=1000, random_state=42)
clf.fit(X_train, y_train)

acc = float(np.average(clf.predict(X_test) == y_test))
print("Accuracy is", acc)
run.log("regularization rate", float(args.reg))
run.log("accuracy", acc)

os.makedirs("outputs", exist_ok=True)
joblib.dump(value=clf, filename="outputs/sklearn_mnist_model.pkl")
""")
with open(os.path.join(script_folder, "utils.py"), "w") as file:
    file.write("""
import os

import numpy as np


def load_data(folder):
    X = np.load(os.path.join(folder, "X.npy"))
    y = np.load(os.path.join(folder, "y.npy"))
    return X[:1000], X[1000:], y[:1000], y[1000:]
""")

# %% The environment
env = Environment("tutorial-env")
env.python.user_managed_dependencies = True
env.python.interpreter_path = sys.executable
env.register(workspace=ws)

# %% The job
args = ["--data-folder", data, "--regularization", 0.5]
src = ScriptRunConfig(
    source_directory=script_folder,
    script="train.py",
    arguments=args,
    compute_target=compute_target,
    environment=env,
)
run = exp.submit(config=src)
print(run)

# %% Wait
run.wait_for_completion(show_output=True)
metrics = run.get_metrics()
names = run.get_file_names()
print(metrics)
print(names)

# %% Register the model
model = run.register_model(model_name="sklearn_mnist", model_path="outputs/sklearn_mnist_model.pkl")
print(model.name, model.id, model.version, sep="\t")

with open("findings.json", "w") as file:
    json.dump(
        {
            "status": run.get_status(),
            "metrics": metrics,
            "files": names,
            "model": [model.id, model.run_id == run.id, model.experiment_name],
        },
        file,
    )
