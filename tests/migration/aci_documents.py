"""Records of services as SDK v1 leaves them in a workspace."""

from __future__ import annotations

import copy

_RECORD = {
    "name": "digits-svc",
    "computeType": "ACI",
    "description": "Digits",
    "location": "westeurope",
    "scoringUri": "http://lbl.westeurope.azurecontainer.io/score",
    "kvTags": {"team": "ml", "modelship.release": "0123"},
    "properties": {"hasHttps": "False", "cost": "7"},
    "authEnabled": True,
    "appInsightsEnabled": True,
    "sslEnabled": False,
    "containerResourceRequirements": {"cpu": 0.5, "memoryInGB": 1},
    "environmentImageRequest": {
        "driverProgram": "tmp1.py",
        "modelIds": ["digits:3"],
        "assets": [
            {"id": "tmp1.py", "url": "aml://artifact/LocalUpload/1a/tmp1.py"},
            {"id": "b.tar.gz", "url": "aml://artifact/LocalUpload/2b/b.tar.gz", "unpack": True},
        ],
        "environment": {
            "environmentVariables": {
                "AZUREML_ENTRY_SCRIPT": "source_1/score.py",
                "AZUREML_SOURCE_DIRECTORY": "source_1",
                "GREETING": "s3cret-ahoy",
                "WORKER_COUNT": "2",
            },
            "python": {
                "condaDependencies": {
                    "dependencies": ["python=3.11", {"pip": ["azureml-defaults"]}]
                }
            },
            "docker": {"baseImage": "mcr.microsoft.com/azureml/base:1"},
        },
    },
}


def record_of(**changes):
    """Return the record of a service, with some fields replaced."""
    return {**copy.deepcopy(_RECORD), **changes}
