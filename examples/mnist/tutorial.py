"""The Azure ML tutorial's image classification model, from its file to a service and back.

Needs a folder with the four MNIST files (IDX, gzip) and sklearn_mnist_model.pkl, the model
that the tutorial registers::

    python examples/mnist/tutorial.py --data DIR --target process

With --workspace, a config.json of Azure ML, the model is the one registered there as
sklearn_mnist, and --target may be aci::

    python examples/mnist/tutorial.py --data DIR --target aci --workspace config.json
"""

import argparse
import gzip
from pathlib import Path

import numpy as np

import modelship as ms

HERE = Path(__file__).parent


def read_idx(path):
    """Read one array of the IDX format; http://yann.lecun.com/exdb/mnist describes it."""
    content = gzip.decompress(path.read_bytes())
    dimensions = content[3]
    shape = np.frombuffer(content, dtype=">u4", count=dimensions, offset=4)
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def main(data, *, environment, target, options, serving, workspace, output):
    """Run the whole example; `data` is a folder, `target` is "process", "docker" or "aci"."""
    X_test = read_idx(data / "t10k-images-idx3-ubyte.gz").reshape(-1, 28 * 28) / 255.0
    y_test = read_idx(data / "t10k-labels-idx1-ubyte.gz")
    output.mkdir(parents=True, exist_ok=True)

    if workspace is None:
        source = ms.ModelSource.open(data / "sklearn_mnist_model.pkl")
    else:
        source = ms.ModelSource.open("azureml:sklearn_mnist", workspace=workspace)
    model = source.fetch(output)
    report = ms.Evaluator(X_test, y_test).evaluate(model)
    print(report.confusion_matrix, report.accuracy)
    report.plot_confusion_matrix(output / "conf.png")
    report.require(accuracy=0.90)

    bundle = ms.ScoringBundle(
        model,
        entry_script=HERE / "score.py",
        environment=environment,
        sample_input={"data": X_test[:2].tolist()},
        cpu_cores=1,
        memory_gb=1,
        tags={"data": "MNIST", "method": "sklearn"},
        description="Predict MNIST with sklearn",
    )
    with ms.DeployTarget.open(target, **options).deploy(
        bundle, name="sklearn-mnist-svc", serving=serving, overwrite=True
    ) as deployment:
        print(deployment.scoring_uri)
        print(deployment.run({"data": X_test[:30].tolist()}))
        same = ms.Evaluator(X_test, y_test).evaluate(deployment)
    print(f"over HTTP: accuracy {same.accuracy}, equal: {(same.y_pred == report.y_pred).all()}")
    report.plot_predictions(output / "results.png", n=30, seed=0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with MNIST")
    parser.add_argument("--environment", type=Path, default=HERE / "myenv.yml", help="conda file")
    parser.add_argument("--target", default="process", help="process, docker or aci")
    parser.add_argument("--base-image", help="for docker, in place of python:3.11-slim")
    parser.add_argument("--server", default="azmlinfsrv", help="or modelship; not for aci")
    parser.add_argument("--workspace", type=Path, help="a config.json of Azure ML, for aci")
    parser.add_argument("--output", type=Path, default=Path("outputs"))
    arguments = parser.parse_args()
    wanted = {"docker": ["base_image"], "aci": ["workspace"]}
    main(
        arguments.data,
        environment=arguments.environment,
        target=arguments.target,
        options={
            key: value
            for key in wanted.get(arguments.target, [])
            if (value := getattr(arguments, key))
        },
        serving=ms.Serving(server=arguments.server),
        workspace=arguments.workspace,
        output=arguments.output,
    )
