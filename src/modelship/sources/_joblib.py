"""Skip the arrays that joblib wrote between pickle instructions.

``pickle.load`` and older versions of joblib read these bytes differently; this module records where
such a reading could continue.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from modelship.sources._arrays import Dtype, Wrapper, checked_state, file_of, raw_size_bytes
from modelship.sources._calls import Calls
from modelship.sources._kinds import OPAQUE
from modelship.sources._loop import ACTIONS
from modelship.sources._stream import EndedEarlyError, UndescribedError
from modelship.sources._values import State

if TYPE_CHECKING:
    from modelship.sources._loop import Loop

__all__ = ["Arrays"]


class Arrays(Calls):
    """The part of the machine for joblib's arrays."""

    arrays = True  # whether they are skipped,
    padding = True  # with the padding before them;
    alternative = False  # and whether this reading differs from joblib's
    frame_ends_at = 0

    def inner(self) -> Loop:
        """Return a machine for a nested pickle, which contains no arrays of joblib."""
        raise NotImplementedError

    def build_array(self, wrapper: Wrapper, state: object) -> None:
        if not self.arrays:
            if self.alternative:
                self.go_astray(state)
            return
        if not wrapper.usable:
            raise UndescribedError("it describes an array in an unusual way")
        wrapper.usable = False
        if wrapper.in_file:
            self.findings.files.add(file_of(state))
        else:
            self.skip_array(state)
        self.stack[-1] = OPAQUE

    def go_astray(self, state: object) -> None:
        if not self.findings.went_astray:
            dtype = state.get("dtype") if isinstance(state, State) else None
            with suppress(UndescribedError):
                self.findings.in_objects = isinstance(dtype, Dtype) and dtype.has_object
        self.findings.go_astray()

    def skip_array(self, state: object) -> None:
        self.findings.arrays += 1
        if self.findings.arrays == 1:
            self.findings.goes_on |= self.next_is_instruction()
        dtype, shape, padded = checked_state(state)
        if self.stream.position_bytes < self.frame_ends_at:
            # joblib looks for the array after the frame, and then continues within the frame.
            raise UndescribedError("it has an array within a frame of instructions")
        size_bytes = raw_size_bytes(dtype, shape)
        try:
            if dtype.layout[0]:
                # joblib writes these as a separate pickle without wrappers.
                self.inner().run()
                return
            if padded and not self.padding:
                self.findings.go_astray()
            elif padded:
                size_bytes = self.skip_padding(size_bytes)
            self.stream.skip(size_bytes)
        except EndedEarlyError as error:
            raise EndedEarlyError("an array") from error

    def skip_padding(self, size_bytes: int) -> int:
        """Skip padding, which is a byte with its length, and as many more bytes.

        Return the remaining size of the array of `size_bytes`. joblib before 1.2 reads the padding
        as the start of the array, and so stops that many bytes before its end.
        """
        padding_bytes = 1 + int.from_bytes(self.stream.peek(1), "little")
        self.findings.padded += 1
        if self.findings.padded > 1:
            self.stream.skip(padding_bytes)
            return size_bytes
        self.stream.skip(size_bytes)
        self.findings.goes_on_when_older |= self.next_is_instruction()
        return padding_bytes

    def next_is_instruction(self) -> bool:
        """Return whether a reader could continue with the next byte as an instruction."""
        following = self.stream.peek(1)
        return bool(following) and following[0] in ACTIONS
