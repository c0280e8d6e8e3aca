"""A run that was moved goes on where it lies now."""

from tests.learning.small import learn

from undersong import cli
from undersong.learning import Run


def test_a_run_that_was_moved_goes_on_where_its_configuration_lies(corpus, tmp_path, capsys):
    run = learn(corpus, tmp_path / "before", steps=5)
    moved = run.path.rename(tmp_path / "after")
    words = ["train", "--config", str(moved / "config.yaml"), "--epochs", "1", "--quiet"]
    assert cli.main(words) == 2
    assert f"{moved} exists already" in capsys.readouterr().err
    assert cli.main([*words, "--steps", "7", "--resume"]) == 0
    assert (Run.load(moved).step, (tmp_path / "before").exists()) == (7, False)
    assert cli.main([*words, "--out", str(tmp_path / "other"), "--steps", "2", "--resume"]) == 0
    assert (Run.load(tmp_path / "other").step, Run.load(moved).step) == (2, 7)
    with_seeds = tmp_path / "all" / "seed-0"
    with_seeds.parent.mkdir()
    moved.rename(with_seeds)
    assert cli.main(["train", "--config", str(with_seeds / "config.yaml"), "--steps", "8", "--quiet", "--resume"]) == 0
    assert Run.load(with_seeds).step == 8
