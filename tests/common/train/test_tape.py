import pytest
import torch

from common.train.tape import Tape

CPU = torch.device("cpu")


def test_moments_of_a_name_are_stacked_and_do_not_change_afterwards():
    tape, loss = Tape(CPU), torch.tensor([1.0, 2.0])
    tape.add({"loss": loss, "first": torch.tensor([7])})
    loss.fill_(9.0)
    tape.add({"loss": loss})
    assert tape["loss"].tolist() == [[1.0, 2.0], [9.0, 9.0]]
    assert {name: tuple(values.shape) for name, values in tape.read().items()} == {"loss": (2, 2), "first": (1, 1)}


def test_a_name_that_was_never_measured_is_named():
    with pytest.raises(KeyError, match="loss"):
        Tape(CPU)["loss"]


def test_it_goes_on_after_what_was_saved():
    tape, again = Tape(CPU), Tape(CPU)
    for value in (1.0, 2.0):
        tape.add({"loss": torch.tensor([value])})
    again.load_state_dict(tape.state_dict())
    for own in (tape, again):
        own.add({"loss": torch.tensor([3.0])})
    assert again["loss"].tolist() == tape["loss"].tolist() == [[1.0], [2.0], [3.0]]
