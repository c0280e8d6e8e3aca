"""Importing Undersong reaches for no network and for no optional dependency."""

import subprocess
import sys

IMPORT_EVERYTHING = """
import importlib, pkgutil, socket, sys

def refuse(*args, **kwargs):
    raise AssertionError("the network was used while importing")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse

import undersong
for module in pkgutil.walk_packages(undersong.__path__, "undersong."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
for n in undersong.__all__:
    getattr(undersong, n)
print(*sorted({"datasets", "transformers"} & set(sys.modules)))
"""


def test_importing_needs_neither_network_nor_extras() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT_EVERYTHING], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_the_command_line_answers() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from undersong.cli import main; main()", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "prepare" in done.stdout
    assert "demo" in done.stdout
