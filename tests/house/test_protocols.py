"""What a class must have to be one of our protocols, Python finds out alike in all its versions."""

import importlib
import inspect
import pkgutil

import undersong


def test_protocols_that_are_asked_for_while_running_are_of_methods_alone() -> None:
    """From 3.12 on Python looks for members without ``__getattr__``, by which a torch module answers for its parts."""
    found = {}
    for module in pkgutil.walk_packages(undersong.__path__, "undersong."):
        for made in vars(importlib.import_module(module.name)).values():
            if (
                inspect.isclass(made)
                and getattr(made, "_is_runtime_protocol", False)
                and "undersong" in made.__module__
            ):
                found[made.__qualname__] = made
    assert "ExactModel" in found
    for name, protocol in found.items():
        parts = {part for base in protocol.__mro__ for part in vars(base).get("__annotations__", {})}
        assert parts <= {"latent"}, name  # a number, which every object holds itself
