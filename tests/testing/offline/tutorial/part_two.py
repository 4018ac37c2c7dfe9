"""The second half of the tutorial: from a registered model to a web service, and away again.

The calls are those of Microsoft's notebook, in its order. What is printed there for people to look
at is kept in findings.json as well.
"""

# %% Imports
import gzip
import json
import os
import time
import uuid

import azureml.core
import joblib
import matplotlib.pyplot as plt
import numpy as np
import requests
import sklearn
from azureml.core import Workspace
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.environment import Environment
from azureml.core.model import InferenceConfig, Model
from azureml.core.webservice import AciWebservice
from sklearn.metrics import confusion_matrix

print(
    "Azure ML SDK",
    azureml.core.VERSION,
    "numpy",
    np.__version__,
    "scikit-learn",
    sklearn.__version__,
)
began = time.time()

# %% The model
ws = Workspace.from_config()
model = Model(ws, "sklearn_mnist")
model.download(target_dir=os.getcwd(), exist_ok=True)
file_path = os.path.join(os.getcwd(), "sklearn_mnist_model.pkl")


# %% The test set
def load_data(filename, label=False):
    with gzip.open(filename) as file:
        content = file.read()
    if label:
        return np.frombuffer(content, dtype=np.uint8, offset=8)
    return np.frombuffer(content, dtype=np.uint8, offset=16).reshape(-1, 28 * 28)


data_folder = os.environ.get("MODELSHIP_MNIST_DIR")
if data_folder:
    X_test = load_data(os.path.join(data_folder, "t10k-images-idx3-ubyte.gz")) / 255.0
    y_test = load_data(os.path.join(data_folder, "t10k-labels-idx1-ubyte.gz"), label=True)
else:
    from sklearn.datasets import load_digits

    X_test, y_test = load_digits(return_X_y=True)
    X_test = X_test / 16.0

# %% What the model says here
clf = joblib.load(file_path)
y_hat = clf.predict(X_test)

# %% The confusion matrix
conf_mx = confusion_matrix(y_test, y_hat)
print(conf_mx)
print("Overall accuracy:", np.average(y_hat == y_test))

row_sums = conf_mx.sum(axis=1, keepdims=True)
norm_conf_mx = conf_mx / row_sums
np.fill_diagonal(norm_conf_mx, 0)
fig = plt.figure(figsize=(8, 5))
ax = fig.add_subplot(111)
cax = ax.matshow(norm_conf_mx, cmap=plt.cm.bone)
ticks = np.arange(0, 10, 1)
ax.set_xticks(ticks)
ax.set_yticks(ticks)
ax.set_xticklabels(ticks)
ax.set_yticklabels(ticks)
fig.colorbar(cax)
plt.ylabel("true labels", fontsize=14)
plt.xlabel("predicted values", fontsize=14)
plt.savefig("conf.png")
plt.show()

# %% The scoring script
with open("score.py", "w") as file:
    file.write("""
import json
import os

import joblib
import numpy as np


def init():
    global model
    model = joblib.load(os.path.join(os.getenv("AZUREML_MODEL_DIR"), "sklearn_mnist_model.pkl"))


def run(raw_data):
    data = np.array(json.loads(raw_data)["data"])
    return model.predict(data).tolist()
""")

# %% The environment
myenv = CondaDependencies()
# The release that wrote the model: the tutorial's own, or this one.
myenv.add_conda_package("scikit-learn==" + ("0.22.1" if data_folder else sklearn.__version__))
myenv.add_pip_package("azureml-defaults")

with open("myenv.yml", "w") as f:
    f.write(myenv.serialize_to_string())
with open("myenv.yml") as f:
    print(f.read())

# %% What the container gets
aciconfig = AciWebservice.deploy_configuration(
    cpu_cores=1,
    memory_gb=1,
    tags={"data": "MNIST", "method": "sklearn"},
    description="Predict MNIST with sklearn",
)

# %% The deployment
env = Environment.from_conda_specification(name="myenv", file_path="myenv.yml")
inference_config = InferenceConfig(entry_script="score.py", environment=env)
service_name = "sklearn-mnist-svc-" + str(uuid.uuid4())[:4]
service = Model.deploy(
    workspace=ws,
    name=service_name,
    models=[model],
    inference_config=inference_config,
    deployment_config=aciconfig,
)
service.wait_for_deployment(show_output=True)

# %% The address
print(service.scoring_uri)

# %% Thirty random images
n = 30
sample_indices = np.random.permutation(X_test.shape[0])[0:n]
test_samples = json.dumps({"data": X_test[sample_indices].tolist()})
test_samples = bytes(test_samples, encoding="utf8")
result = service.run(input_data=test_samples)

side = int(X_test.shape[1] ** 0.5)
plt.figure(figsize=(20, 1))
for i, s in enumerate(sample_indices):
    plt.subplot(1, n, i + 1)
    plt.axhline("")
    plt.axvline("")
    wrong = y_test[s] != result[i]
    plt.text(x=10, y=-10, s=result[i], fontsize=18, color="red" if wrong else "black")
    plt.imshow(X_test[s].reshape(side, side), cmap=plt.cm.gray if wrong else plt.cm.Greys)
plt.savefig("results.png")
plt.show()

# %% Many images
many = X_test[: int(os.environ.get("IMAGES", len(X_test)))]
answers = []
for first in range(0, len(many), 1000):
    answers += service.run(input_data=json.dumps({"data": many[first : first + 1000].tolist()}))

# %% A request by hand
random_index = np.random.randint(0, len(X_test) - 1)
input_data = '{"data": [' + str(list(X_test[random_index])) + "]}"
headers = {"Content-Type": "application/json"}
resp = requests.post(service.scoring_uri, input_data, headers=headers)
print("POST to url", service.scoring_uri)
print("label:", y_test[random_index])
print("prediction:", resp.text)

# %% The same with JSON for a body
input_data = json.dumps({"data": [X_test[random_index].tolist()]})
corrected = requests.post(service.scoring_uri, input_data, headers=headers)
print("prediction:", corrected.text)
logs = service.get_logs()

# %% The end
service.delete()

# %% What came of it
with open("findings.json", "w") as file:
    json.dump(
        {
            "seconds": time.time() - began,
            "numpy": np.__version__,
            "accuracy": np.average(y_hat == y_test),
            "here": y_hat[: len(many)].tolist(),
            "there": answers,
            "sample": [result, y_hat[sample_indices].tolist()],
            "by hand": [resp.status_code, resp.text],
            "corrected": [corrected.status_code, corrected.json()],
            "expected": y_hat[random_index].item(),
            "logs": logs,
            "left": sorted(ws.webservices),
        },
        file,
    )
