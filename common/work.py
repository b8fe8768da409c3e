"""What a job asks of a device: declared by a procedure, read by plans and by what groups jobs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """What a job asks of a device.

    `operations` are floating-point, `convolved` those of them in convolutions. `bytes` go to and from memory, and
    `unfolded` beside them where a device unfolds the convolutions of a stack. `calls` counts operators, `products`
    those of them that multiply matrices or convolve; where jobs stack, they make them together. `memory` is the most
    that the job alone holds at once, in bytes, without data. `stacks` names the kinds of device ("cpu", "cuda") on
    which such jobs train as one program.
    """

    operations: float = 0.0
    convolved: float = 0.0
    bytes: float = 0.0
    calls: float = 0.0
    products: float = 0.0
    unfolded: float = 0.0
    memory: float = 0.0
    stacks: frozenset[str] = frozenset()

    def __add__(self, other: "Work") -> "Work":
        return Work(
            self.operations + other.operations,
            self.convolved + other.convolved,
            self.bytes + other.bytes,
            self.calls + other.calls,
            self.products + other.products,
            self.unfolded + other.unfolded,
            max(self.memory, other.memory),
            self.stacks | other.stacks,
        )

    def __mul__(self, times: float) -> "Work":
        return Work(
            times * self.operations,
            times * self.convolved,
            times * self.bytes,
            times * self.calls,
            times * self.products,
            times * self.unfolded,
            self.memory,
            self.stacks,
        )
