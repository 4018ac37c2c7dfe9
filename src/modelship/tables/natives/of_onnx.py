"""Wrap ONNX models, which onnxruntime runs.

A graph takes one tensor of rows, or one tensor for each column. As written by converters of
scikit-learn models, the first output is the prediction, and probabilities follow: as one tensor, as
a map for each row, or as one tensor for each class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["OnnxClassifier", "OnnxModel", "load_onnx"]

_DTYPES = {
    "tensor(double)": "float64",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(string)": "object",
    "tensor(bool)": "bool",
}
_ONE_PER_ROW = 2


class OnnxModel:
    """A graph whose first output is the prediction.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        The model.
    """

    def __init__(self, session: Any) -> None:
        self.native = session
        self._inputs = session.get_inputs()
        self._outputs = [each.name for each in session.get_outputs()]

    def predict(self, data: Any) -> Any:
        """Return the first output for the rows of `data`; a single column as one value a row."""
        [found] = self._run(self._outputs[:1], data)
        return found[:, 0] if found.ndim == _ONE_PER_ROW and found.shape[1] == 1 else found

    def _run(self, names: list[str], data: Any) -> list[Any]:
        return self.native.run(names, self._feeds(data))  # type: ignore[no-any-return]

    def _feeds(self, data: Any) -> dict[str, Any]:
        if len(self._inputs) == 1:
            rows = data.to_numpy() if hasattr(data, "to_numpy") else data
            return {self._inputs[0].name: _tensor(rows, self._inputs[0])}
        return {
            each.name: _tensor(data[each.name].to_numpy(), each).reshape(
                (-1, 1) if len(each.shape) > 1 else -1
            )
            for each in self._inputs
        }


class OnnxClassifier(OnnxModel):
    """A graph whose other outputs are the probabilities of classes.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        The model.
    classes : Sequence
        The labels of the classes, in the order of the probabilities.
    """

    def __init__(self, session: Any, *, classes: Sequence[Any]) -> None:
        import numpy as np

        super().__init__(session)
        self.classes_ = np.asarray(classes)

    def predict_proba(self, data: Any) -> Any:
        """Return the probabilities, of shape (n, classes)."""
        import numpy as np

        first, *more = self._run(self._outputs[1:], data)
        if isinstance(first, list):  # a map for each row
            labels = self.classes_.tolist()
            return np.array([[row[label] for label in labels] for row in first])
        return np.stack([first, *more], axis=1) if more else first


def load_onnx(path: str, classes: Sequence[Any] = ()) -> OnnxModel:
    """Load an ONNX file.

    Parameters
    ----------
    path : str
        The file.
    classes : Sequence
        The labels of the classes, in their order, if it has probabilities.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    if len(classes) and len(session.get_outputs()) > 1:
        return OnnxClassifier(session, classes=classes)
    return OnnxModel(session)


def _tensor(values: Any, of: Any) -> Any:
    """Return values as the tensor that an input takes; fractions are never truncated."""
    import numpy as np

    dtype = _DTYPES.get(of.type) or of.type[len("tensor(") : -1]
    found = np.asarray(values)
    made = found.astype(dtype)
    if made.dtype.kind in "iu" and not np.array_equal(made, found):
        raise ValueError(f"The input {of.name!r} takes whole numbers.")
    return made
