"""Compute targets in an offline workspace, made, attached and removed by the SDK."""

from __future__ import annotations

import pytest
from azureml.core.compute import AksCompute, ComputeTarget
from azureml.core.compute.aks import AksUpdateConfiguration, SslConfiguration
from azureml.exceptions import ComputeTargetException

from modelship.testing.offline.offline_workspace import OfflineWorkspace

CLUSTER = {"resource_group": "theirs", "cluster_name": "cluster"}


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    """Return the SDK's object for a workspace that all tests of this module share."""
    with OfflineWorkspace(tmp_path_factory.mktemp("computes") / "offline") as offline:
        yield offline.workspace()


def test_a_cluster_is_created_looked_up_and_deleted(ws, capsys):
    """It is there at once, with what was asked for and Azure's defaults."""
    wanted = AksCompute.provisioning_configuration(agent_count=2, cluster_purpose="DevTest")
    created = ComputeTarget.create(ws, "made", wanted)
    created.wait_for_completion(show_output=True)
    assert "Succeeded" in capsys.readouterr().out
    found = AksCompute(ws, "made")
    assert (found.agent_count, found.cluster_purpose) == (2, "DevTest")
    assert (found.agent_vm_size, found.is_attached) == ("Standard_D3_v2", False)
    assert found.get_status() == "Succeeded"
    found.delete()
    found.wait_for_completion(is_delete_operation=True)
    assert "made" not in ws.compute_targets


def test_a_cluster_is_attached_and_detached(ws):
    """It is listed as what it is, with the cluster's id in Azure."""
    attached = ComputeTarget.attach(ws, "mine", AksCompute.attach_configuration(**CLUSTER))
    attached.wait_for_completion()
    found = ws.compute_targets["mine"]
    assert isinstance(found, AksCompute)
    assert found.is_attached
    assert found.cluster_resource_id.endswith("managedClusters/cluster")
    found.detach()
    with pytest.raises(ComputeTargetException, match="ComputeTargetNotFound"):
        ComputeTarget(ws, "mine")


def test_the_key_of_a_certificate_is_not_kept(ws, tmp_path):
    """What a cluster would serve TLS with is a secret that nobody needs here."""
    for name in ("certificate", "key"):
        (tmp_path / name).write_text(f"the {name}")
    wanted = AksCompute.provisioning_configuration(
        ssl_cname="example.org",
        ssl_cert_pem_file=str(tmp_path / "certificate"),
        ssl_key_pem_file=str(tmp_path / "key"),
    )
    found = ComputeTarget.create(ws, "tls", wanted)
    assert found.ssl_configuration.cert == "the certificate"
    assert found.ssl_configuration.key is None


def test_a_cluster_has_no_credentials(ws):
    """There is no Kubernetes to sign in to, and the error says so."""
    attached = ComputeTarget.attach(ws, "bare", AksCompute.attach_configuration(**CLUSTER))
    with pytest.raises(ComputeTargetException, match="has no separate credentials"):
        attached.get_credentials()


def test_a_name_that_azure_refuses_is_refused(ws):
    """The rule is in the message."""
    with pytest.raises(ComputeTargetException, match="2 to 16 letters, digits and dashes"):
        ComputeTarget.create(ws, "no_underscores", AksCompute.provisioning_configuration())


def test_a_cluster_is_updated(ws):
    """Its TLS is switched off, and the rest stays as it was."""
    wanted = AksCompute.provisioning_configuration(agent_count=2).enable_ssl(leaf_domain_label="d")
    found = ComputeTarget.create(ws, "changing", wanted)
    assert found.ssl_configuration.status == "Auto"
    found.update(AksUpdateConfiguration(SslConfiguration(status="Disabled")))
    found.wait_for_completion()
    assert (found.ssl_configuration.status, found.agent_count) == ("Disabled", 2)
