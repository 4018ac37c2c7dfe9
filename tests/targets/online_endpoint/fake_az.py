"""A stand-in for the Azure CLI with its extension ml: it keeps what is created in a file.

It answers the queries that deploy.sh asks, and fails like az does where something is missing.
A script starts it ten times, so it imports no more than that takes: JSON and pathlib take longer
than the rest.
"""

import marshal
import os
import sys

STATE = os.environ["FAKE_AZ_STATE"]
FAILING = os.environ.get("FAKE_AZ_FAILING", "none")


def say(text):
    """Answer a query on stdout."""
    sys.stdout.write(f"{text}\n")


def written(path):
    """Return the text of a file."""
    with open(path) as file:  # noqa: PTH123 - without pathlib
        return file.read()


def options(words):
    """Return the options of a command by name; one that is repeated has all its values."""
    found = {}
    for word in words:
        if word.startswith("--"):
            found.setdefault(name := word[2:], [])
        else:
            found[name].append(word)
    return found


def found_in(things, key):
    """Return a thing, or fail as az does if there is none."""
    if key not in things:
        sys.exit(3)
    return things[key]


def printed(value, query):
    """Print what a query selects of a document."""
    if query.startswith("traffic."):
        say(value["traffic"].get(query.partition(".")[2].strip('"'), ""))
    elif query:
        say(value[query])


def act(group, verb, given, state):
    """Carry out one command of ``az ml``."""
    one = {name: values[0] for name, values in given.items() if values}
    query = one.get("query", "")
    if group == "online-endpoint":
        return endpoint(verb, one, given, state, query)
    if group == "online-deployment":
        return deployment(verb, one, given, state, query)
    if group in {"compute", "batch-endpoint", "batch-deployment"}:
        return plain(group, verb, one, given, state)
    if group == "model" and verb == "list":
        return say(state["models"][-1]["version"] if one["name"] in str(state["models"]) else "")
    if group == "model":
        name = written(one["file"]).partition("\nname: ")[2].partition("\n")[0]
        state["models"].append({"name": name, "version": str(len(state["models"]) + 1)})
        return say(state["models"][-1]["version"])
    key = one.get("version", "created")
    return found_in(state["environments"], key) if verb == "show" else add_environment(state)


def plain(group, verb, one, given, state):
    """Carry out a command about things that are only created, changed and shown."""
    things = state.setdefault(group, {})
    if verb == "create":
        text = written(one["file"]) if "file" in one else f"\nname: {one['name']}\n"
        things[text.partition("\nname: ")[2].partition("\n")[0]] = {"set": given.get("set", [])}
        return None
    there = found_in(things, one["name"])
    if verb == "update":
        there["set"] = given["set"]
        return None
    return say(f"https://{one['name']}/jobs") if "query" in one else None


def add_environment(state):
    """Register the environment of the folder."""
    text = written("environment.yml")
    state["environments"][text.partition("version: ")[2].partition("\n")[0]] = text


def endpoint(verb, one, given, state, query):
    """Carry out a command about endpoints."""
    if verb == "create":
        assert os.path.isfile(one["file"])  # noqa: PTH113 - without pathlib
        state["endpoints"]["digits"] = {"traffic": {}, "scoring_uri": "https://digits/score"}
        return None
    there = found_in(state["endpoints"], one["name"])
    if verb == "update":
        shares = one["traffic"].split()
        there["traffic"] = {name: int(share) for name, share in (x.split("=") for x in shares)}
        return None
    if verb == "invoke":
        assert one["deployment-name"] in state["deployments"]
        return say(written(one["request-file"]))
    return printed(there, query)


def deployment(verb, one, given, state, query):
    """Carry out a command about deployments."""
    if verb == "list":
        return say("\n".join(state["deployments"]))
    if verb == "create":
        text = written(one["file"])
        name = text.partition("\nname: ")[2].partition("\n")[0]
        made = {"provisioning_state": "Succeeded", "set": given["set"]}
        state["deployments"][name] = made
        return None
    there = found_in(state["deployments"], one["name"])
    if verb == "delete":
        assert not state["endpoints"]["digits"]["traffic"].get(one["name"])
        return state["deployments"].pop(one["name"])
    return printed(there, query)


def kept():
    """Return what earlier commands have created; None before the first."""
    try:
        with open(STATE, "rb") as file:  # noqa: PTH123 - without pathlib
            return marshal.load(file)
    except FileNotFoundError:
        return None


def main():
    """Run one command, and record it."""
    _, group, verb, *rest = sys.argv[1:]
    empty = {"calls": [], "endpoints": {}, "deployments": {}, "models": [], "environments": {}}
    state = kept() or empty
    state["calls"].append(f"{group} {verb}")
    try:
        if f"{group} {verb}" == FAILING:
            sys.exit("ERROR: it fails")
        act(group, verb, options(rest), state)
    finally:
        with open(STATE, "wb") as file:  # noqa: PTH123 - without pathlib
            marshal.dump(state, file)


main()
