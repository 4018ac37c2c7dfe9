"""Record the effects of states, items and keys when unpickling."""

from __future__ import annotations

import re
from typing import Final

from modelship.sources import _kinds as kinds
from modelship.sources._arrays import Dtype
from modelship.sources._evaluating import state_runs
from modelship.sources._keys import CALLED_BY_UNPICKLING
from modelship.sources._loop import Loop
from modelship.sources._values import (
    DynamicClass,
    Listed,
    Made,
    Name,
    State,
    holds_made_here,
    is_made_here,
)

__all__ = ["CALLS_VALUE", "States", "is_new_block"]

CALLS_VALUE: Final = "it calls a value that it computes itself"
_NEW_BLOCK: Final = "pandas.core.internals.blocks.new_block"
_VERSION: Final = re.compile(r"[0-9][0-9A-Za-z.+]{0,63}")


class States(Loop):
    """The part of the machine for setting states and items."""

    def hazard(self, clause: str) -> None:
        self.findings.hazard(clause)

    def holds_own(self, value: object, *, but: object = None) -> bool:
        """Return whether a value contains something that the file itself defines."""
        if not self.findings.brings_code:
            return False
        self.stream.budget.take_time()
        return holds_made_here(value, but=but)

    def give_state(self, target: object, state: object) -> None:
        if isinstance(target, Name):
            self.hazard(f"it sets attributes of {target.text}")
        elif target is kinds.MODULE or target is kinds.SHARED or isinstance(target, DynamicClass):
            self.hazard("it sets attributes of an object that the whole program shares")
        elif target is kinds.NEW_BLOCK:
            self.give_state_to_block(state)
        elif isinstance(target, (Dtype, Made)):
            self.give_state_once(target, state)
        elif (
            target in (kinds.INSTANCE, kinds.MEMBER)
            and isinstance(state, tuple)
            and state[1:] not in ((), (None,))
        ):
            self.hazard("it sets slots of a class that it defines itself")
        if target is not kinds.FUNCTION and self.hides_methods(state):
            self.hazard("it gives an instance a state with its own methods")
        if (isinstance(target, Made) and target.computes and self.holds_own(state)) or (
            target is kinds.EVALUATING and self.holds_own(state, but=kinds.FUNCTION)
        ):
            self.hazard("it gives what it defines itself to an instance that computes with it")
        self.look_into(state, strict=target is kinds.EVALUATING)

    def give_state_to_block(self, state: object) -> None:
        if not (isinstance(state, tuple) and is_new_block(state) and state[1:2] == ((),)):
            self.hazard(CALLS_VALUE)

    def give_state_once(self, target: Dtype | Made, state: object) -> None:
        if isinstance(target, Made):
            if target.built:
                self.hazard("it gives an instance a second state")
            target.built = True
            target.keep((state,))
            return
        target.build(state)
        if target.is_forged:
            self.hazard("it describes an array type as NumPy does not")

    def look_into(self, state: object, *, strict: bool) -> None:
        """Record the effects of a state, for any target."""
        parts = state if isinstance(state, tuple) else (state,)
        states = [part for part in parts if type(part) is State and part]
        if not (states or strict):
            return  # like most states, which contain arrays
        if reason := state_runs(state, strict=strict):
            self.hazard(reason)
        for part in states:
            if any(_may_be_called(part.get(key)) for key in CALLED_BY_UNPICKLING & part.keys()):
                self.hazard("it gives an instance a method that unpickling calls")
            version = part.get("_sklearn_version")
            if self.holds_own(version) or (part.opaque and self.holds_own(part)):
                self.hazard("it gives an instance a state that runs what it defines itself")
            # It is shown in messages and commands, so it has to look like a version.
            if isinstance(version, str) and _VERSION.fullmatch(version):
                self.findings.sklearn_version = version

    def give_members(self, target: object, items: list[object]) -> None:
        """Record items appended to a target that is not a list, or an instance in place of one."""
        if isinstance(target, Listed):
            target.keep(items)
            return
        self.give_items(target, items)
        if target is not kinds.OPAQUE and not (isinstance(target, Made) and not target.built):
            self.hazard("it appends to a value that is not a list")

    def use_as_keys(self, keys: list[object]) -> None:
        """Record keys that may be compared, which calls their methods."""
        own = (key for key in keys if type(key) is not str and key is not kinds.MEMBER)
        if any(map(self.holds_own, own)):
            self.hazard("it uses its own definitions as a key")

    def give_items(self, target: object, items: list[object]) -> None:
        """Record items appended to, or set on, a target that is not a plain container."""
        if isinstance(target, Made):
            target.keep(items)
        if isinstance(target, Name) or target is kinds.MODULE:
            self.hazard("it changes something that it imports")
        elif target is kinds.INSTANCE or target is kinds.MEMBER:
            self.hazard("it calls a method of a class that it defines itself")

    def hides_methods(self, state: object) -> bool:
        """Return whether a state, or a part of it that is unpacked, has methods from the file."""
        parts = state if isinstance(state, tuple) else (state,)
        return any(self.holds_own(part) for part in parts if not isinstance(part, (State, Listed)))


def _may_be_called(value: object) -> bool:
    return is_made_here(value) or isinstance(value, (Name, Made))


def is_new_block(args: object) -> bool:
    """Return whether a partial function is the one that pandas uses for blocks."""
    first = args[0] if isinstance(args, tuple) and args else None
    return isinstance(first, Name) and first.text == _NEW_BLOCK
