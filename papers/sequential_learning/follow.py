"""Networks follow their learning paths, many as one program (Negative Pretraining Effect, Definition 3)."""

import copy
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from torch import nn

from common.run.call import Call
from common.train.checkpoint import Checkpoint
from common.train.stacking import stackable
from common.train.states import State
from papers.sequential_learning.learner import Learner, Passage, intervene
from papers.sequential_learning.path import LearningPath
from papers.sequential_learning.setting import Setting
from papers.sequential_learning.stage import LOSSES_ALONE, Measures, train_stage


def follow(
    learners: Sequence[Learner], setting: Setting, call: Call, measures: Measures = LOSSES_ALONE
) -> Iterator[list[Passage]]:
    """Train all networks along their paths, in place; yield what each went through, in order.

    What several learners of a seed have in common, from the first task on, is trained once. Networks that stack train
    as one program where their paths have the same shape; what a run computes does not depend on its neighbours but for
    floating-point rounding. What the call's checkpoint holds is not trained again.
    """
    counts = Counter(prefix for learner in learners for prefix in prefixes(learner))
    kept = Kept({prefix for prefix, count in counts.items() if count > 1})
    groups: dict[object, list[int]] = {}
    for i, learner in enumerate(learners):
        alone = None if stackable(learner.model, call.device) else i
        groups.setdefault((alone, shape(learner.path)), []).append(i)
    group_of = {i: members for members in groups.values() for i in members}
    found: dict[int, list[Passage]] = {}
    for i in range(len(learners)):
        if i not in found:
            own = [learners[j] for j in group_of[i]]
            part = call.checkpoint.part(str(i))
            stages = [
                _through(own, number, setting, call, measures, kept, part.part(str(number)))
                for number in range(len(own[0].path))
            ]
            found |= zip(group_of[i], map(list, zip(*stages, strict=True)), strict=True)
        yield found.pop(i)


def shape(path: LearningPath) -> object:
    """Return what the paths of one program have in common."""
    return tuple((s.task.dataset, s.task.share, s.process.epochs, s.process.patience, s.process.momentum) for s in path)


Prefix = tuple[LearningPath, int, int]
"""The stages up to some task, how many the path has, and the seed: what a network is then follows from these alone."""


def prefixes(learner: Learner) -> list[Prefix]:
    """Return what a learner is after each of its stages."""
    path = learner.path
    return [(path[: number + 1], len(path), learner.seed) for number in range(len(path))]


@dataclass(frozen=True)
class Kept:
    """Networks after the prefixes that several learners share, as far as they are trained, with their last passage."""

    shared: Collection[Prefix]
    networks: dict[Prefix, tuple[nn.Module, Passage]] = field(default_factory=dict)


def _through(
    learners: Sequence[Learner],
    number: int,
    setting: Setting,
    call: Call,
    measures: Measures,
    kept: Kept,
    checkpoint: Checkpoint,
) -> list[Passage]:
    """Take all learners through one stage: train one of every prefix that is new, and copy what it becomes."""
    keys = [prefixes(learner)[number] for learner in learners]
    new: dict[Prefix, Learner] = {}
    for key, learner in zip(keys, learners, strict=True):
        if key not in kept.networks:
            new.setdefault(key, learner)
    trained = _trained(list(new.values()), number, setting, call, measures, checkpoint) if new else []
    passages = dict(zip(new, trained, strict=True))
    for key, passage in passages.items():
        if key in kept.shared:
            kept.networks[key] = copy.deepcopy(new[key].model), replace(passage, seconds=0.0)
    checkpoint.finish(lambda: _result(passages, kept))
    for key, learner in zip(keys, learners, strict=True):
        if new.get(key) is not learner:
            learner.model = copy.deepcopy(kept.networks[key][0])
    return [
        passages[key] if new.get(key) is learner else kept.networks[key][1]
        for key, learner in zip(keys, learners, strict=True)
    ]


def _trained(
    learners: Sequence[Learner],
    number: int,
    setting: Setting,
    call: Call,
    measures: Measures,
    checkpoint: Checkpoint,
) -> list[Passage]:
    """Intervene in all networks, then train them on the task of one stage; a finished one is not trained again."""
    for learner in learners:
        intervene(learner, number)
    if checkpoint.result is not None:
        return _again(learners, checkpoint.result)
    return train_stage(learners, number, setting, call, measures, checkpoint)


def _result(passages: Mapping[Prefix, Passage], kept: Kept) -> State:
    """Return what came of a stage: its passages, and the networks that other learners go on from."""
    networks = [kept.networks[key][0].state_dict() if key in kept.shared else None for key in passages]
    return {"passages": [vars(passage) for passage in passages.values()], "networks": networks}


def _again(learners: Sequence[Learner], result: State) -> list[Passage]:
    """Return the passages of a stage that is finished; networks that no learner goes on from stay as they are."""
    for learner, network in zip(learners, result["networks"], strict=True):
        if network is not None:
            learner.model.load_state_dict(network)
    return [Passage(**passage) for passage in result["passages"]]
