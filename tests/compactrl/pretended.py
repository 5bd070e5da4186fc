"""A CUDA device that is not there: tensors lie on the CPU, and a note on each says on which device they claim to be.

What torch refuses with a real device is refused here: operations on tensors of two devices (numbers without axes and
indices excepted, and copies), and numpy's view of one that is not on the CPU. So learners run whole, with real numbers.
"""

from contextlib import contextmanager
from functools import partial
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

CUDA, CPU = torch.device("cuda"), torch.device("cpu")
DEVICE = torch.Tensor.device.__get__
TO_NUMPY = {"numpy", "__array__", "tolist"}
CROSSING = {"copy_", "__getitem__", "__setitem__", "__get__", "__set__", "set_", "to", "cpu", "cuda"}
"""What may have tensors of two devices, or says itself where its result is."""


class Pretended(TorchFunctionMode):
    """Lets tensors claim to be on a CUDA device."""

    def __init__(self):
        super().__init__()
        self._notes = WeakTensorKeyDictionary()
        self._backward = False  # where saved tensors come back without notes, so that nothing can be held to them
        self.moved = 0
        """Operations whose result claimed to be there."""

    def device_of(self, tensor):
        return self._notes.get(tensor, CPU)

    def note(self, result, device):
        for tensor in tensors_in(result):
            if device == CUDA:
                self._notes[tensor] = CUDA
                self.moved += 1
            else:
                self._notes.pop(tensor, None)
        return result

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs, name = dict(kwargs or {}), getattr(function, "__name__", "")
        if function == DEVICE:
            return self.device_of(args[0])
        given = list(tensors_in((args, kwargs)))
        devices = {self.device_of(tensor) for tensor in given if tensor.dim() or self.device_of(tensor) == CUDA}
        if name in TO_NUMPY and CUDA in devices:
            raise TypeError(f"can't convert a tensor on cuda to numpy ({name})")
        if len(devices) > 1 and name not in CROSSING and not self._backward:
            raise RuntimeError(f"{name}: expected all tensors to be on the same device, but found {devices}")
        target = asked(kwargs, args if name == "to" else ())
        if name == "cpu":
            target = CPU
        if target is not None and kwargs.get("device") is not None:
            kwargs["device"] = CPU
        if name == "to" and target is not None:
            args = tuple(CPU if is_device(value) else value for value in args)
        before = {id(tensor): self.device_of(tensor) for tensor in given}
        result = function(*args, **kwargs)
        if name == "copy_" or name.startswith("__set"):
            return self.note(result, before[id(args[0])]) if isinstance(result, torch.Tensor) else result
        if target is None:
            first = given[:1] if name in CROSSING else given
            target = CUDA if any(before[id(tensor)] == CUDA for tensor in first) else CPU
        moves = [tensor for tensor in tensors_in(result) if before.get(id(tensor), target) != target]
        if moves:  # the same tensor, as both are on the CPU: on another device it would be a copy
            result = result.clone()
        return self.note(result, target)

    def backward(self, engine, *args, **kwargs):
        """Run autograd's engine: gradients that are written out ask for devices, too."""
        self._backward = True
        try:
            with self:
                return engine(*args, **kwargs)
        finally:
            self._backward = False


def asked(kwargs, args):
    """The device that a call asks for; None where it asks for none."""
    for value in (kwargs.get("device"), *args):
        if is_device(value):
            return torch.device(value)
    return None


def is_device(value):
    return isinstance(value, torch.device) or (isinstance(value, str) and value in ("cpu", "cuda"))


def tensors_in(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_in(part)


@contextmanager
def pretended_cuda():
    """Let `--device cuda` be taken, and its tensors be held to it."""
    apply, vmap, mode = torch.autograd.Function.apply.__func__, torch.vmap, Pretended()

    def noted(kind, *args):
        """Apply an operation with a gradient of its own, whose results are not those that its `forward` returned."""
        there = any(mode.device_of(tensor) == CUDA for tensor in tensors_in(args))
        return mode.note(apply(kind, *args), CUDA if there else CPU)

    def mapped(function, *how):
        """Map a function over rows, which are other tensors than those that have the notes."""
        rows = vmap(function, *how)
        return lambda *args: mode.note(rows(*args), CUDA if CUDA in map(mode.device_of, tensors_in(args)) else CPU)

    with (
        mock.patch("torch.vmap", mapped),
        mock.patch("torch.cuda.is_available", return_value=True),
        mock.patch.object(torch.autograd.Function, "apply", classmethod(noted)),
        mock.patch("torch.autograd._engine_run_backward", partial(mode.backward, torch.autograd._engine_run_backward)),
        mode,
    ):
        yield mode
