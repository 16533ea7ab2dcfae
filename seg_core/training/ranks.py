"""Several processes that train one model together, each on a part of every batch (data parallel; Li et al., 2020).

They are numbered by their rank, as torchrun does. The first one, of rank 0, reports events and writes files. Every process draws
the same random numbers, and all of them ask the others at the same points: after a step, after a batch of a validation, and
where a file is read that only the first one may have.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import distributed, nn

from seg_core.config import Config
from seg_core.errors import InputError
from seg_core.training.device import Precision, choose_precision, find_device
from seg_core.training.part import Part

PATIENCE = timedelta(days=1)
"""How long a process waits for others, which may decode photographs or stand in the queue. One that dies is noticed at once."""

_THREADS = torch.get_num_threads()
"""Those of a process that trains alone."""

T = TypeVar("T")
NetworkT = TypeVar("NetworkT", bound=nn.Module)


class RankLost(RuntimeError):
    """Another process of the training is gone."""


@dataclass(frozen=True)
class Place:
    """Which of the processes of a training this one is, and where they meet; without a port, where torchrun's variables say."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    """Number among those of its machine."""
    local_world: int = 1
    address: str = ""
    port: int = 0

    @classmethod
    def of_environment(cls) -> Place | None:
        """Return the place that torchrun's variables name, or None."""
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        if not all(name in os.environ for name in names):
            return None
        rank, world, local_rank, local_world = (int(os.environ[name]) for name in names)
        return cls(rank, world, local_rank, local_world)


class Ranks:
    """The processes of a training, as one of them sees them. One that trains alone waits for nobody.

    Attributes:
        place: the place of this process.
        precision: in which all of them compute.
    """

    def __init__(self, place: Place, precision: Precision) -> None:
        self.place, self.precision = place, precision

    @property
    def is_first(self) -> bool:
        """True if this process reports events and writes files."""
        return self.place.rank == 0

    @property
    def alone(self) -> bool:
        """True if there are no others."""
        return self.place.world == 1

    def part(self, total: int) -> Part:
        """Return the part of this process in a batch."""
        return Part.whole(total) if self.alone else Part.of_rank(self.place.rank, self.place.world, total)

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sum over all processes of values on the CPU."""
        if not self.alone:
            distributed.all_reduce(values)
        return values

    def mean_loss(self, loss: torch.Tensor, part: Part) -> float:
        """Return the mean loss of a whole batch from that of this process's part."""
        value = loss.item()  # the only point of a batch at which a GPU is waited for
        return value if self.alone else float(self.sum(torch.tensor(value * part.weight / self.place.world, dtype=torch.float64)))

    def any(self, flag: bool) -> bool:
        """Return True if it is true in any process."""
        return flag if self.alone else bool(self.sum(torch.tensor(float(flag))) > 0)

    def gather(self, value: T) -> list[T]:
        """Return the values of all processes, by rank."""
        if self.alone:
            return [value]
        values: list[Any] = [None] * self.place.world
        distributed.all_gather_object(values, value)
        return values

    def from_first(self, make: Callable[[], T]) -> T:
        """Return what ``make`` returns in the first process; the others do not call it. Tensors come to their CPU."""
        if self.alone:
            return make()
        sent: list[Any] = [None]
        if self.is_first:
            file = io.BytesIO()
            torch.save(made := make(), file)
            sent = [file.getvalue()]
        distributed.broadcast_object_list(sent, src=0)
        return made if self.is_first else cast(T, torch.load(io.BytesIO(sent[0]), map_location="cpu", weights_only=False))

    def first_first(self, do: Callable[[], T]) -> T:
        """Return what ``do`` returns: the others begin when the first process is done, with what it has left on the disk."""
        if self.alone:
            return do()
        done = do() if self.is_first else None
        distributed.barrier()
        return cast(T, done) if self.is_first else do()

    def share_state(self, of: Any) -> None:
        """Bring the state of the first process's module or optimizer into those of the others."""
        if not self.alone:
            of.load_state_dict(self.from_first(of.state_dict))

    def synchronise_batch_norm(self, network: NetworkT, device: torch.device) -> NetworkT:
        """Let BatchNorm take the statistics of whole batches on GPUs. On CPUs, where torch cannot, it takes those of parts."""
        if self.alone or device.type != "cuda":
            return network
        return cast(NetworkT, nn.SyncBatchNorm.convert_sync_batchnorm(network))  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def share_statistics(self, network: nn.Module) -> None:
        """Take the mean over all processes of BatchNorm statistics, which each one has of its parts."""
        if self.alone:
            return
        for norm in _batch_norms(network):
            for values in (norm.running_mean, norm.running_var):
                values.copy_(self.sum(values.double().cpu()) / self.place.world)


def _batch_norms(network: nn.Module) -> Iterator[Any]:
    kinds = (nn.BatchNorm2d, nn.SyncBatchNorm)
    yield from (module for module in network.modules() if isinstance(module, kinds) and module.running_mean is not None)


@contextmanager
def connected(place: Place, config: Config) -> Iterator[tuple[Ranks, Fabric]]:
    """Join the other processes, and compute on this one's device.

    Raises:
        InputError: if there are not as many devices as processes.
        RankLost: from within, if another process is gone.
    """
    kind, index = find_device(config.device)
    if place.world == 1:
        precision = choose_precision(config)
        fabric = Fabric(accelerator=kind, devices=1 if kind == "cpu" else [index], precision=precision)
        yield Ranks(place, precision), fabric
        return
    require_devices(config, place.local_world)
    try:
        _join(place, kind)
        ranks = Ranks(place, "32-true")
        ranks.precision = ranks.from_first(lambda: choose_precision(config))
        yield ranks, _fabric(place, kind, ranks.precision)
    except RuntimeError as error:
        if _is_lost(error):
            raise RankLost("Another process of this training ended unexpectedly; the run can be resumed.") from error
        raise
    finally:
        if place.port and distributed.is_initialized():
            distributed.destroy_process_group()


def require_devices(config: Config, processes: int) -> None:
    """Check that a machine can train in so many processes.

    Raises:
        InputError: if it cannot.
    """
    kind, _ = find_device(config.device)
    if kind == "mps" or ":" in config.device:
        raise InputError(f"Several processes cannot share the device {config.device}; choose cpu or cuda, or one process.")
    most = torch.cuda.device_count() if kind == "cuda" else os.cpu_count() or 1
    if processes > most:
        what = "GPUs" if kind == "cuda" else "processors"
        raise InputError(f"This machine has {most} {what}, too few for {processes} processes; choose up to {most} (--devices).")


def meeting_place(address: str, port: int, *, is_first: bool) -> Any:
    """Return what processes find each other by: the first one opens it, at a free port where 0 is given."""
    from torch._C._distributed_c10d import TCPStore  # not every build of torch has it

    return TCPStore(address, port, is_master=is_first, wait_for_workers=False, timeout=PATIENCE)


def _join(place: Place, kind: str) -> None:
    if kind == "cpu" and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, _THREADS // place.local_world))
    if distributed.is_initialized():  # torchrun's processes stay joined from run to run
        return
    backend = "cpu:gloo,cuda:nccl" if kind == "cuda" else "gloo"
    if place.port:
        store = meeting_place(place.address, place.port, is_first=False)
        distributed.init_process_group(backend, store=store, rank=place.rank, world_size=place.world, timeout=PATIENCE)
    else:
        distributed.init_process_group(backend, init_method="env://", timeout=PATIENCE)


def _fabric(place: Place, kind: str, precision: Precision) -> Fabric:
    # Statistics of BatchNorm are shared once in an epoch (`Ranks.share_statistics`), not before every step.
    strategy = DDPStrategy(cluster_environment=_Environment(place), broadcast_buffers=False)
    nodes = place.world // place.local_world
    fabric = Fabric(accelerator=kind, devices=place.local_world, num_nodes=nodes, strategy=strategy, precision=precision)
    fabric.launch()
    return fabric


def _is_lost(error: RuntimeError) -> bool:
    """True for an error of a process group whose other process is gone."""
    text = str(error)
    return isinstance(error, distributed.DistError) or "onnection" in text or "gloo" in text


class _Environment(ClusterEnvironment):
    """A `Place`, as Fabric asks for it."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    @property
    def creates_processes_externally(self) -> bool:
        return True

    @property
    def main_address(self) -> str:
        return self._place.address

    @property
    def main_port(self) -> int:
        return self._place.port

    @staticmethod
    def detect() -> bool:
        return False

    def world_size(self) -> int:
        return self._place.world

    def set_world_size(self, size: int) -> None:
        pass

    def global_rank(self) -> int:
        return self._place.rank

    def set_global_rank(self, rank: int) -> None:
        pass

    def local_rank(self) -> int:
        return self._place.local_rank

    def node_rank(self) -> int:
        return self._place.rank // self._place.local_world
