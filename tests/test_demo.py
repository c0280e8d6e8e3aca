"""The demo shows what it trained: prepared, trained, judged and compared, once; and says no to another question."""

import json

import pytest

from undersong import demo as module
from undersong.demo import demo
from undersong.errors import UserError

_SMALL = ["embedding=100", "embedding=8", "hidden=128", "hidden=16", "latent=32", "latent=4"]


@pytest.fixture
def small(monkeypatch):
    flags = module._FLAGS
    for big, little in zip(_SMALL[::2], _SMALL[1::2], strict=True):
        flags = [flag.replace(big, little) for flag in flags]
    monkeypatch.setattr(module, "_FLAGS", [*flags, "--steps=30", "--validation_sentences=50"])


@pytest.mark.slow
def test_it_prepares_trains_judges_and_compares_once(small, tmp_path, capsys):
    out = tmp_path / "demo"
    demo(out=out, epochs=1, vocabulary=300)
    shown = capsys.readouterr().out
    kept = json.loads((out / "autogen" / "evaluation.json").read_text())["test"]
    assert f"{kept['elbo']:.2f}" in shown
    assert f"{kept['kl']:.2f}" in shown
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "vae" in page
    assert "autogen" in page
    weights = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    demo(out=out, epochs=1, vocabulary=300)
    assert f"{kept['elbo']:.2f}" in capsys.readouterr().out
    assert weights == {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    with pytest.raises(UserError, match="another --out"):
        demo(out=out, epochs=1, vocabulary=300, seed=1)


def test_another_question_to_the_same_folder_is_refused(tmp_path):
    module._remember(tmp_path / "demo.json", {"epochs": 3})
    module._remember(tmp_path / "demo.json", {"epochs": 3})
    with pytest.raises(UserError, match="choose another --out"):
        module._remember(tmp_path / "demo.json", {"epochs": 4})
