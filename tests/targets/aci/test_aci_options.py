"""The options of Container Instances: what is taken, and how the rest is refused."""

from __future__ import annotations

import dataclasses
import inspect
import pickle

import pytest
import trustme

from modelship.bundle.resources import Resources
from modelship.errors import InvalidOptionError
from modelship.targets.aci.aci_options import AciOptions, check_resources, check_script, check_tags
from modelship.targets.aci.updates import can_update

SERVICE = {
    "computeType": "ACI",
    "containerResourceRequirements": {"cpu": 1, "memoryInGB": 0.5},
    "location": "West Europe",
    "properties": {"team": "vision"},
    "scoringUri": "http://digits-7.westeurope.azurecontainer.io/score",
    "vnetConfiguration": None,
}
RESOURCES = Resources(cpu_cores=1, memory_gb=0.5)

NO_NETWORK = "the name of a network, not its id: 2 to 64 letters, digits, '_', '.' and '-'"
NO_LABEL = "5 to 63 lower-case letters, digits and dashes, first a letter and last not a dash"
NO_VAULT = "the https address of a key vault, such as 'https://NAME.vault.azure.net'"
NO_REGION = "the short name of an Azure region, such as 'westeurope'"
NO_SECRET = "(not shown); expected a str of visible ASCII characters without spaces."

REFUSED = {
    "a region by its long name": (
        {"location": "West Europe"},
        f"location is 'West Europe'; expected {NO_REGION}.",
    ),
    "a region that is no word": ({"location": 7}, f"location is 7; expected {NO_REGION}."),
    "a word for a switch": (
        {"auth_enabled": "yes"},
        "auth_enabled is 'yes'; expected True or False.",
    ),
    "a number for a switch": (
        {"collect_model_data": 1},
        "collect_model_data is 1; expected True or False.",
    ),
    "the second key alone": (
        {"secondary_key": "hunter2", "auth_enabled": True},
        (
            "primary_key is None; expected a key, since secondary_key is given: "
            "Azure ML ignores it alone."
        ),
    ),
    "a key with a line break": (
        {"primary_key": "hunter2\n", "auth_enabled": True},
        f"primary_key is {NO_SECRET}",
    ),
    "an empty key": ({"primary_key": "", "auth_enabled": True}, f"primary_key is {NO_SECRET}"),
    "a key of bytes": (
        {"secondary_key": b"hunter2", "primary_key": "a", "auth_enabled": True},
        f"secondary_key is {NO_SECRET}",
    ),
    "a label of four": (
        {"dns_name_label": "mnis"},
        f"dns_name_label is 'mnis'; expected {NO_LABEL}.",
    ),
    "a label that begins with a digit": (
        {"dns_name_label": "7digits"},
        f"dns_name_label is '7digits'; expected {NO_LABEL}.",
    ),
    "a label that ends with a dash": (
        {"dns_name_label": "digits-"},
        f"dns_name_label is 'digits-'; expected {NO_LABEL}.",
    ),
    "a label with a line break": (
        {"dns_name_label": "digits\n"},
        f"dns_name_label is 'digits\\n'; expected {NO_LABEL}.",
    ),
    "a network without a subnet": (
        {"vnet_name": "office"},
        "subnet_name is None; expected a value, since vnet_name is given.",
    ),
    "a subnet without a network": (
        {"subnet_name": "desks"},
        "vnet_name is None; expected a value, since subnet_name is given.",
    ),
    "a network by its id": (
        {"vnet_name": "/subscriptions/1/x", "subnet_name": "desks"},
        f"vnet_name is '/subscriptions/1/x'; expected {NO_NETWORK}.",
    ),
    "a vault alone": (
        {"cmk_vault_base_url": "https://safe.vault.azure.net/"},
        (
            "cmk_key_name is None; expected a value (and one for cmk_key_version), "
            "since cmk_vault_base_url is given."
        ),
    ),
    "no vault": (
        {"cmk_key_name": "main", "cmk_key_version": "1f"},
        (
            "cmk_vault_base_url is None; expected a value, "
            "since cmk_key_name and cmk_key_version are given."
        ),
    ),
    "a vault without TLS": (
        {"cmk_vault_base_url": "http://safe.vault.azure.net"},
        f"cmk_vault_base_url is 'http://safe.vault.azure.net'; expected {NO_VAULT}.",
    ),
    "a vault that is a path": (
        {"cmk_vault_base_url": "https://safe.vault.azure.net/keys/main"},
        f"cmk_vault_base_url is 'https://safe.vault.azure.net/keys/main'; expected {NO_VAULT}.",
    ),
    "a vault with a password": (
        {"cmk_vault_base_url": "https://me:hunter2@safe.vault.azure.net"},
        f"cmk_vault_base_url is (not shown); expected {NO_VAULT}.",
    ),
    "a vault with half a bracket": (
        {"cmk_vault_base_url": "https://[::1"},
        f"cmk_vault_base_url is 'https://[::1'; expected {NO_VAULT}.",
    ),
    "a key of a vault with a slash": (
        {"cmk_key_name": "main/1"},
        (
            "cmk_key_name is 'main/1'; expected the name of a key in a key vault: "
            "1 to 127 letters, digits and dashes."
        ),
    ),
    "nothing for TLS": (
        {"ssl_enabled": True},
        (
            "ssl_cert_pem_file is None; expected a value (and one for ssl_key_pem_file and "
            "ssl_cname), since ssl_enabled is True."
        ),
    ),
    "a domain, but no TLS": (
        {"ssl_cname": "digits.example.com"},
        "ssl_enabled is None; expected True, since ssl_cname is given.",
    ),
    "a domain that is a URL": (
        {"ssl_cname": "https://digits.example.com"},
        (
            "ssl_cname is 'https://digits.example.com'; expected the full domain name of the "
            "certificate, such as 'digits.example.com'."
        ),
    ),
    "a list of properties": (
        {"properties": ["team"]},
        "properties is ['team']; expected a mapping of str to str.",
    ),
    "a number as a property": (
        {"properties": {"team": 7}},
        "properties is {'team': 7}; expected a mapping of str to str.",
    ),
    "a property with no name": (
        {"properties": {" ": "x"}},
        "properties is {' ': 'x'}; expected keys that are not blank.",
    ),
    "a property whose name is a path": (
        {"properties": {"a/b": "x"}},
        "properties is {'a/b': 'x'}; expected keys without '/' and '~'.",
    ),
}


@pytest.fixture(scope="module")
def pem_files(tmp_path_factory):
    """Write a certificate with its key, another key, and what only looks like them."""
    folder = tmp_path_factory.mktemp("pem")
    authority = trustme.CA()
    ours, theirs = (authority.issue_cert("digits.example.com") for _ in range(2))
    ours.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    ours.private_key_pem.write_to_path(folder / "key.pem")
    theirs.private_key_pem.write_to_path(folder / "other.pem")
    ours.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    (folder / "cert.der").write_bytes(b"\x30\x82\xff")
    locked = (
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nc2VjcmV0\n-----END ENCRYPTED PRIVATE KEY-----\n"
    )
    (folder / "locked.pem").write_bytes(locked)
    torn = ours.private_key_pem.bytes().decode().splitlines()
    (folder / "torn.pem").write_text("\n".join([*torn[:2], *torn[-1:]]))
    return folder


def with_tls(folder, **files):
    """Return options that ask for TLS with files of a folder."""
    given = {"ssl_cert_pem_file": "cert.pem", "ssl_key_pem_file": "key.pem"} | files
    paths = {option: str(folder / name) for option, name in given.items()}
    return AciOptions(ssl_enabled=True, ssl_cname="digits.example.com", **paths)


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_meant_is_refused(options, message):
    """The whole message is what a user would want to read, and no secret is in it."""
    with pytest.raises(InvalidOptionError) as caught:
        AciOptions(**options)
    assert str(caught.value) == message
    assert "hunter2" not in f"{message}{caught.value!r}"
    assert str(pickle.loads(pickle.dumps(caught.value))) == message


@pytest.mark.parametrize(
    ("option", "file", "expected"),
    [
        ("ssl_cert_pem_file", "none.pem", "a file that exists"),
        (
            "ssl_cert_pem_file",
            "cert.der",
            "a PEM file starting with -----BEGIN CERTIFICATE-----",
        ),
        (
            "ssl_cert_pem_file",
            "key.pem",
            "a PEM file starting with -----BEGIN CERTIFICATE-----",
        ),
        ("ssl_cert_pem_file", "both.pem", "a PEM file without a private key"),
        ("ssl_cert_pem_file", ".", "a file that can be read (Is a directory)"),
        ("ssl_key_pem_file", "none.pem", "a file that exists"),
        (
            "ssl_key_pem_file",
            "cert.pem",
            "a PEM file with a private key that has no passphrase",
        ),
        (
            "ssl_key_pem_file",
            "locked.pem",
            "a PEM file with a private key that has no passphrase",
        ),
        (
            "ssl_key_pem_file",
            "other.pem",
            "the private key of the certificate in ssl_cert_pem_file (KEY_VALUES_MISMATCH)",
        ),
    ],
)
def test_a_file_that_is_no_certificate_or_key_is_refused(pem_files, option, file, expected):
    """The message names the file and what it has to be, and shows nothing of what is in it."""
    with pytest.raises(InvalidOptionError) as caught:
        with_tls(pem_files, **{option: file})
    assert str(caught.value) == f"{option} is {str(pem_files / file)!r}; expected {expected}."


def test_a_key_that_is_cut_off_is_refused(pem_files):
    """OpenSSL's word for it differs from release to release; nothing of the key is shown."""
    with pytest.raises(InvalidOptionError, match=r"torn\.pem'; expected the private key") as caught:
        with_tls(pem_files, ssl_key_pem_file="torn.pem")
    [_, first, *_] = (pem_files / "torn.pem").read_text().splitlines()
    assert first[:20] not in f"{caught.value}{caught.value!r}{caught.value.__cause__}"


def test_a_path_does_not_change_with_the_folder(pem_files, monkeypatch):
    """A relative path is taken where the options were made."""
    monkeypatch.chdir(pem_files)
    options = AciOptions(
        ssl_enabled=True,
        ssl_cname="digits.example.com",
        ssl_cert_pem_file="cert.pem",
        ssl_key_pem_file=pem_files / "key.pem",
    )
    assert options.configuration()["ssl_cert_pem_file"] == str(pem_files / "cert.pem")
    assert options.configuration()["ssl_key_pem_file"] == str(pem_files / "key.pem")


def test_a_key_is_in_no_repr():
    """The printed options show neither key."""
    options = AciOptions(auth_enabled=True, primary_key="hunter2", secondary_key="s3cret")
    assert "hunter2" not in repr(options)
    assert "s3cret" not in repr(options)
    assert options.configuration()["secondary_key"] == "s3cret"


def test_what_is_given_is_what_the_sdk_takes(pem_files):
    """The SDK has each option that we have, and what we hand to it makes a configuration."""
    from azureml.core.webservice import AciWebservice

    ours = {each.name for each in dataclasses.fields(AciOptions)}
    theirs = set(inspect.signature(AciWebservice.deploy_configuration).parameters)
    assert ours == theirs - {"cpu_cores", "memory_gb", "tags", "description"}
    changes = with_tls(pem_files).changes()
    assert {*changes} <= {*inspect.signature(AciWebservice.update).parameters}
    options = dataclasses.replace(with_tls(pem_files), location="westeurope", properties={"a": "b"})
    configuration = AciWebservice.deploy_configuration(**options.configuration())
    assert configuration.ssl_cert_pem_file == str(pem_files / "cert.pem")
    assert configuration.auth_enabled is None
    configuration.properties["theirs"] = "x"
    assert dict(options.properties) == {"a": "b"}


def test_what_is_not_given_is_left_out():
    """Azure ML's own defaults hold, also for an option that is None."""
    assert AciOptions().configuration() == {}
    assert AciOptions(auth_enabled=False, properties=None).configuration() == {
        "auth_enabled": False
    }


@pytest.mark.parametrize(
    ("options", "changed", "expected"),
    [
        ({}, {}, True),
        ({"location": "westeurope", "dns_name_label": "digits-7"}, {}, True),
        ({"properties": {"team": "vision", "new": "x"}, "auth_enabled": True}, {}, True),
        ({"properties": {"team": "sound"}}, {}, False),
        ({"location": "northeurope"}, {}, False),
        ({"dns_name_label": "letters"}, {}, False),
        ({"primary_key": "hunter2", "auth_enabled": True}, {}, True),
        ({}, {"state": "Transitioning"}, False),
        ({"collect_model_data": True}, {}, False),
        ({"vnet_name": "office", "subnet_name": "desks"}, {}, False),
        ({}, {"vnetConfiguration": {"vnetName": "office", "subnetName": "desks"}}, False),
        ({}, {"encryptionProperties": {"keyName": "main"}}, False),
        ({}, {"containerResourceRequirements": {"cpu": 2, "memoryInGB": 0.5}}, False),
        ({}, {"containerResourceRequirements": {"cpu": 1, "memoryInGB": 1}}, False),
        ({}, {"computeType": "AKS"}, False),
    ],
)
def test_a_service_is_changed_in_its_place_just_when_azure_can(options, changed, expected):
    """What an update cannot change has to be equal already."""
    assert can_update(AciOptions(**options), {**SERVICE, **changed}, RESOURCES) is expected


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"cpu_cores": 5},
            (
                "cpu_cores is 5.0; expected at most 4 cores, the most that Azure Container "
                "Instances gives to a container group in most regions."
            ),
        ),
        (
            {"memory_gb": 16.1},
            (
                "memory_gb is 16.1; expected at most 16 GiB, the most that Azure Container "
                "Instances gives to a container group in most regions."
            ),
        ),
    ],
)
def test_more_than_a_container_group_gets_is_refused(asked, message):
    """The message has the bound, which itself is taken."""
    check_resources(Resources(cpu_cores=4, memory_gb=16))
    with pytest.raises(InvalidOptionError) as caught:
        check_resources(Resources(**asked))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"run": 7}, "tags is {'run': 7}; expected a mapping of str to str."),
        ("run", "tags is 'run'; expected a mapping of str to str."),
        ({"": "x"}, "tags is {'': 'x'}; expected keys that are not blank."),
        (
            {"modelship.digest": "x"},
            (
                "tags is {'modelship.digest': 'x'}; expected keys that do not begin with "
                "'modelship.': the target uses them for its own record."
            ),
        ),
    ],
)
def test_a_tag_that_a_service_cannot_have_is_refused(tags, message):
    """Tags are words for words, and ours are not to be overwritten."""
    assert check_tags({"run": "7", "modelship": "x"}) == {"run": "7", "modelship": "x"}
    with pytest.raises(InvalidOptionError) as caught:
        check_tags(tags)
    assert str(caught.value) == message


def test_a_script_that_the_sdk_refuses_is_refused_before_anything_is_sent():
    """It wants the name of a module, and keywords are none; folders above may have any name."""
    check_script("my-folder/my_score.py")
    for name, better in (("my-score.py", "my_score.py"), ("class.py", "score_class.py")):
        with pytest.raises(InvalidOptionError, match=f"such as {better}"):
            check_script(name)
