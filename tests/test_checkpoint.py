"""Checkpoints: whole or not there, and never somebody's code."""

from __future__ import annotations

import hashlib
import io
import os
import pickle

import numpy as np
import pytest
import torch

from nlviz.loops import read_checkpoint, write_checkpoint


def twice(path):
    """Two checkpoints, one after the other."""
    for step in (1, 2):
        write_checkpoint(path, {"step": step, "weights": torch.full((100,), float(step))})


def test_what_is_written_is_read_back_bit_for_bit(tmp_path):
    content = {
        "weights": torch.randn(3, 4, dtype=torch.float64),
        "half": torch.randn(3).bfloat16(),
        "nested": {"list": [1, 2.5, None, "word"], "tuple": (True, torch.arange(3)), 7: float("inf")},
    }
    write_checkpoint(tmp_path / "deep" / "run.pt", content)
    back = read_checkpoint(tmp_path / "deep" / "run.pt")
    assert torch.equal(back["weights"], content["weights"])
    assert torch.equal(back["half"], content["half"])
    assert back["nested"]["list"] == content["nested"]["list"]
    assert back["nested"]["tuple"][0] is True
    assert torch.equal(back["nested"]["tuple"][1], torch.arange(3))
    assert back["nested"][7] == float("inf")


def test_there_is_nothing_before_the_first(tmp_path):
    assert read_checkpoint(tmp_path / "run.pt") is None


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_a_checkpoint_cut_short_is_known_and_the_one_before_is_taken(tmp_path, capsys, share):
    path = tmp_path / "run.pt"
    twice(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert read_checkpoint(path)["step"] == 1
    assert "run.pt is damaged, perhaps cut short" in capsys.readouterr().out


def test_a_damaged_checkpoint_does_not_push_out_the_whole_one_before_it(tmp_path):
    path = tmp_path / "run.pt"
    twice(path)
    path.write_bytes(path.read_bytes()[:50])
    write_checkpoint(path, {"step": 3})
    assert read_checkpoint(path)["step"] == 3
    assert read_checkpoint(tmp_path / "run.pt.previous")["step"] == 1


def test_a_failed_write_does_not_call_a_damaged_checkpoint_a_good_one(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    twice(path)
    path.write_bytes(path.read_bytes()[:50])

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"the last good one is in .*run.pt.previous\. Make room"):
        write_checkpoint(path, {"step": 3})


def test_one_wrong_bit_is_known(tmp_path):
    path = tmp_path / "run.pt"
    twice(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert read_checkpoint(path)["step"] == 1


def test_if_both_are_damaged_a_sentence_says_what_to_do(tmp_path):
    path = tmp_path / "run.pt"
    twice(path)
    for file in tmp_path.iterdir():
        file.write_bytes(b"nothing of use")
    with pytest.raises(ValueError, match=r"no checkpoint can be read: .*run.pt.previous is damaged.*delete"):
        read_checkpoint(path)


def test_after_a_death_between_two_renamings_the_one_before_is_there(tmp_path):
    path = tmp_path / "run.pt"
    twice(path)
    os.replace(path, tmp_path / "run.pt.previous")
    assert read_checkpoint(path)["step"] == 2


def test_a_failed_write_names_the_last_good_one_and_leaves_it(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"

    def full(handle):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"No space left on device\); there is no earlier one. Make room"):
            twice(path)
    twice(path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"the last good one is in .*run.pt. Make room"):
            twice(path)
    assert read_checkpoint(path)["step"] == 2
    assert sorted(file.name for file in tmp_path.iterdir()) == ["run.pt", "run.pt.previous"]


def test_numbers_of_numpy_come_back_as_numbers(tmp_path):
    write_checkpoint(tmp_path / "run.pt", {"lr": np.float64(0.1), "steps": np.int64(3)})
    assert read_checkpoint(tmp_path / "run.pt") == {"lr": 0.1, "steps": 3}


def test_an_object_does_not_go_in(tmp_path):
    with pytest.raises(TypeError, match=r"the checkpoint, 'optimizer', item 1: .* got Generator"):
        write_checkpoint(tmp_path / "run.pt", {"optimizer": [1, torch.Generator()]})
    assert not list(tmp_path.iterdir())


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("bomb went off",)


def test_code_that_somebody_put_into_a_file_is_not_run(tmp_path, monkeypatch):
    """Even with the right sum in its first line."""
    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    torch.save({"step": Bomb()}, buffer)
    for payload in (buffer.getvalue(), pickle.dumps({"step": Bomb()}, protocol=2)):
        digest = hashlib.sha256(payload).hexdigest().encode()
        (tmp_path / "run.pt").write_bytes(b"nlviz checkpoint " + digest + b"\n" + payload)
        with pytest.raises(pickle.UnpicklingError):
            read_checkpoint(tmp_path / "run.pt")
    assert not (tmp_path / "bomb went off").exists()
