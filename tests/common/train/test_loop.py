import itertools

import pytest
import torch
from torch import nn

from common.train.checkpoint import NOWHERE, Checkpoint, CheckpointFile
from common.train.loop import Training, train
from common.train.optimizers import SGD
from common.train.per_run import PerRunUpdate
from common.train.program import Program
from common.train.state_file import Owner
from common.train.states import Tensors
from common.train.tape import Tape

OWNER = Owner("procedure", "code", "cpu", ("job",))


class KilledError(Exception):
    pass


def set_up(dropout=None, runs=2):
    """Return what trains `runs` networks of one layer on their own numbers, and the tape of their losses."""
    torch.manual_seed(0)
    layers = [nn.Linear(3, 2)] if dropout is None else [nn.Dropout(0.5), nn.Linear(3, 2)]
    models = [nn.Sequential(nn.Flatten(-3), *layers) for _ in range(runs)]
    program = Program(models)
    images, labels = torch.randn(12, 1, 1, 3), torch.randint(2, (12,))
    update, rates = PerRunUpdate(SGD(0.9), list(program.parameters.values())), program.per_parameter([0.1] * runs)
    tape = Tape(torch.device("cpu"))

    def step(inputs):
        losses = program.losses(images[inputs[0]], labels[inputs[0]])
        update.apply(program.gradients(losses), rates)
        return losses.detach()

    return Training(program, update, step, {"tape": tape, "rates": Tensors(rates)}, dropout=dropout), tape, rates


def stretches(runs=2, lengths=(3, 1, 2)):
    generator = torch.Generator().manual_seed(1)
    return [[[torch.randint(12, (runs, 4), generator=generator)] for _ in range(length)] for length in lengths]


def noting(tape, rates, stop=None):
    def look(number, loss):
        tape.add({"number": torch.tensor([number])} | ({} if loss is None else {"loss": loss}))
        torch._foreach_mul_(rates, [0.5] * len(rates))
        return number == stop

    return look


def trained(checkpoint=NOWHERE, dropout=None, runs=2, stop=None):
    training, tape, rates = set_up(dropout, runs)
    train(training, stretches(runs), noting(tape, rates, stop), checkpoint)
    return tape.read(), training.program.state()


def test_a_look_comes_before_the_first_stretch_and_after_each_with_the_mean_loss_of_its_steps():
    training, tape, rates = set_up()
    losses = []
    plain = training.step
    object.__setattr__(training, "step", lambda inputs: losses.append(plain(inputs)) or losses[-1])
    train(training, stretches(), noting(tape, rates))
    assert tape["number"].flatten().tolist() == [0, 1, 2, 3]
    expected = [torch.stack(losses[start:end]).mean(0) for start, end in ((0, 3), (3, 4), (4, 6))]
    assert torch.allclose(tape["loss"], torch.stack(expected))


def test_a_look_may_stop_training():
    numbers, _ = trained(stop=2)
    assert numbers["number"].flatten().tolist() == [0, 1, 2]


@pytest.mark.parametrize(("dropout", "runs"), [(None, 2), (7, 1)])
@pytest.mark.parametrize("saves", [1, 2])
def test_training_that_was_killed_goes_on_as_if_nothing_had_happened(tmp_path, monkeypatch, dropout, runs, saves):
    numbers, state = trained(dropout=dropout, runs=runs)
    file, count = CheckpointFile(tmp_path, OWNER, 0.0), itertools.count(1)
    save = file.save

    def killed():
        save()
        if next(count) == saves:
            raise KilledError

    monkeypatch.setattr(file, "save", killed)
    with pytest.raises(KilledError):
        trained(Checkpoint(file, file.tree), dropout, runs)
    torch.manual_seed(99)
    again = CheckpointFile(tmp_path, OWNER, 0.0)
    found, ends = trained(Checkpoint(again, again.tree), dropout, runs)
    assert all(torch.equal(found[name], numbers[name]) for name in numbers)
    assert all(torch.equal(ends[name], state[name]) for name in state)


def test_what_dropout_draws_follows_from_its_seed_alone():
    one, other, third = (trained(dropout=seed, runs=1)[1] for seed in (7, 7, 8))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert any(not torch.equal(one[name], third[name]) for name in one)


def test_the_programs_own_draws_do_not_move_the_global_ones():
    torch.manual_seed(5)
    expected = torch.rand(1)
    training, tape, rates = set_up(7, 1)
    torch.manual_seed(5)
    train(training, stretches(1), noting(tape, rates))
    assert torch.equal(torch.rand(1), expected)
