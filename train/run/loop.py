"""One training run: from shards to best.pth, within its budget, from where it stopped."""

import contextlib
import math
import time
from pathlib import Path

import torch
from tqdm import tqdm

from tenfold.data.errors import TrainingFault
from tenfold.data.recipe import Recipe
from tenfold.data.shardset import ShardSet
from tenfold.train.augment.sample import make_augment
from tenfold.train.batches import open_batches
from tenfold.train.csv_file import write_metrics
from tenfold.train.device import Normalise, keep_freed_memory, seen_size, synchronise
from tenfold.train.learn.ema import Average
from tenfold.train.learn.loss import compiled, make_objective, weights_of
from tenfold.train.learn.optimizer import make_optimizer, set_lr, shorten
from tenfold.train.learn.schedule import lr_at
from tenfold.train.models import build_model, check_batch
from tenfold.train.models.pretrained import freeze, load_weights
from tenfold.train.run.checkpoint import describe, save
from tenfold.train.run.clock import Clock
from tenfold.train.run.interrupts import held_back
from tenfold.train.run.state import Position, keep
from tenfold.train.score.evaluate import evaluate, loss_and_top1

GLANCE = 1.0                 # seconds between two looks at the device's accumulators: each look waits for it
KEEP = 30.0                  # seconds between two checkpoints inside a long epoch
CURE = "lower train.lr, or raise train.warmup; earlier checkpoints are kept"


class Run:
    """`fit` trains to the end, the budget or an interrupt; `position` says where that was, and
    `train.position.go_on` takes up a run that was interrupted or killed."""

    def __init__(self, shards: ShardSet, recipe: Recipe, out: Path, device: torch.device, clock: Clock,
                 resumed: bool = False):
        self.head = describe(shards, recipe)
        torch.manual_seed(recipe.seed)
        keep_freed_memory()
        self.recipe, self.how, self.out, self.device, self.clock = recipe, recipe.train, out, device, clock
        self.row_shape = shards.row_shape
        seen = seen_size(self.row_shape[:2], recipe.model.size)
        self.model = build_model(recipe.model.name, recipe.model.args, self.row_shape[2], len(shards.classes), seen)
        if not resumed:                          # what was trained since comes from last.pth
            load_weights(self.model, recipe.model)
        freeze(self.model, recipe.model.freeze)
        self.model.to(device, memory_format=torch.channels_last)
        self.optimizer = make_optimizer(self.model, self.how)
        self.average = Average(self.model, self.how.ema)         # what is evaluated and kept as best
        self.normalise = Normalise(self.head["mean"], self.head["std"], device, recipe.model.size)
        self.train = open_batches(shards, "train", self.how, recipe.seed, device, shuffle=True)
        check_batch(self.model, self.batch, self.normalise(torch.zeros(1, *shards.row_shape, device=device)))
        self.val = open_batches(shards, "val", self.how, recipe.seed, device, shuffle=False)
        self.steps = self.how.epochs * len(self.train.order.sizes)
        self.position = Position()
        self.augment = make_augment(recipe.augment, seen, device, recipe.seed)
        self.objective = make_objective(self.model, self.normalise, device, self.how, self.augment,
                                        weights_of(shards, self.how.class_weights, device))
        # loss and right answers of each step of the epoch: on the device, so that no step waits
        self.seen = torch.zeros(len(self.train.order.sizes), 2, device=device)
        self.first_step = None                   # seconds from the start of the command until one was done

    def fit(self) -> None:
        """Train. Raises KeyboardInterrupt (last.pth is written first) and TrainingFault."""
        self.objective = compiled(self, self.row_shape)
        self.clock.begin()
        if not self.position.step and self.clock.progress(0, 1) >= 1:
            raise self._spent()
        if not self.position.step:               # what an earlier run left must not be taken for this one's
            for name in ("last.pth", "best.pth", "metrics.csv", "curves.png"):
                (self.out / name).unlink(missing_ok=True)
        try:
            with held_back() as interrupted, self._bar() as bar:
                while not self.position.done:
                    self._epoch(interrupted, bar)
        finally:
            self.train.close()
            self.val.close()

    def _bar(self):
        return tqdm(total=self.steps * self.batch, initial=self.position.step * self.batch, desc="train",
                    unit="img", unit_scale=True, disable=None)

    @property
    def batch(self) -> int:
        """Rows of every training batch."""
        return self.train.order.sizes[0]

    def _epoch(self, interrupted, bar) -> None:
        """The rest of the epoch under way, its evaluation and its checkpoints."""
        t = self._steps(interrupted, bar)
        if self.position.batch:
            self._close_epoch(t, bar)
        elif self.position.step:                 # the budget ended with the epoch before
            self.position.done = True
            keep(self)
        else:
            raise self._spent()

    def _spent(self) -> TrainingFault:
        return TrainingFault("--budget", f"of {self.clock.budget:g} s is spent before the first step "
                             f"({self.clock.elapsed():.1f} s)", "give more")

    def _steps(self, interrupted, bar) -> float:
        """The steps of the rest of the epoch, or as many as the budget has; progress after them, 0 … 1."""
        at, first = self.position, self.position.batch
        began = looked = kept = time.monotonic()
        self.model.train()
        batches = self.train.epoch(at.epoch, at.batch)
        while True:
            asked = time.monotonic()
            pair = next(batches, None)
            t = self.clock.progress(at.step, self.steps)
            if pair is None or t >= 1:
                break
            at.late = t * self.clock.budget if t > at.step / self.steps else 0.0
            at.waiting += time.monotonic() - asked
            self._step(*pair, lr=self.how.lr * lr_at(t, self.how))
            bar.update(len(pair[1]))
            if self.first_step is None:
                synchronise(self.device)
                self.first_step = self.clock.running()
            now = time.monotonic()
            if at.step == 8 or now - looked > GLANCE:
                self._look(bar, began, at.batch - first)
                looked = now
            if interrupted() or now - kept > KEEP:
                self._look(bar)
                at.training += time.monotonic() - began
                keep(self)
                began, first = time.monotonic(), at.batch
                kept = began
                if interrupted():
                    raise KeyboardInterrupt(f"go on with --resume from step {at.step} of {self.steps}")
        batches.close()
        synchronise(self.device)
        at.training += time.monotonic() - began
        return t

    def _step(self, image, label, lr: float) -> None:
        """One optimiser step on uint8 (B, H, W, C) and int64 (B,); nothing in it waits for the device."""
        set_lr(self.optimizer, lr)
        loss, seen = self.objective(image, label, self.chance(len(label)))
        loss.backward()
        if self.how.clip:
            shorten(self.model, self.how.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        at = self.position
        self.average.update(first=not at.step)
        self.seen[at.batch] = seen
        at.step += 1
        at.batch += 1
        at.images += len(label)

    def chance(self, rows: int):
        """What augments the batch at the run's position; None: nothing does."""
        at = self.position
        return None if self.augment is None else self.augment.draw(at.epoch, at.batch, rows)

    def _look(self, bar, began: float = 0.0, steps: int = 0) -> tuple[float, float]:
        """Wait for the device and read what it has seen: (mean loss, share of right answers) of the epoch.

        Stops at a loss that is not finite; foresees how long the end will take from `steps` since `began`.
        """
        at = self.position
        loss, right = self.seen[:at.batch].cpu().double().unbind(1)
        if not loss.isfinite().all():
            bad = at.step - at.batch + 1 + int(loss.isfinite().logical_not().nonzero()[0])
            raise TrainingFault(f"step {bad} of {self.steps}", "the loss is not finite", CURE)
        mean, share = (v.mean().item() for v in (loss, right / self.batch))
        bar.set_postfix_str(f"epoch {at.epoch + 1} loss {mean:.3f}", refresh=False)
        if steps:
            # a forward pass costs about a third of a step; a half, to be safe, until one was measured
            step_seconds = (time.monotonic() - began) / steps
            self.clock.closes_in(step_seconds * (1 + 0.5 * sum(self.val.order.sizes) / self.batch))
        return mean, share

    def _finite(self) -> bool:
        """The loss of a step tells of the weights before it, not of those it leaves."""
        return all(v.isfinite().all() for v in self.model.state_dict().values())

    def _close_epoch(self, t: float, bar) -> None:
        """Evaluate, record, and write best.pth before last.pth: killed in between, the epoch is done again."""
        at = self.position
        train_loss, train_top1 = self._look(bar)
        at.epoch, at.batch = at.epoch + 1, 0
        at.done = t >= 1 or at.step >= self.steps
        start, lr = time.monotonic(), self.how.lr * lr_at(t, self.how)
        val_loss, val_top1 = float("nan"), float("nan")
        if self.val.order.sizes:
            val_loss, val_top1 = loss_and_top1(*evaluate(
                self.average.module, self.val, self.normalise, self.device, self.how.precision))
        if not self._finite() or (self.val.order.sizes and not math.isfinite(val_loss)):
            raise TrainingFault(f"step {at.step} of {self.steps}", "weights or val loss are not finite", CURE)
        row = {"epoch": at.epoch, "step": at.step, "seconds": round(self.clock.elapsed(), 2), "lr": lr,
               "train_loss": train_loss, "train_top1": train_top1,
               "val_loss": val_loss, "val_top1": val_top1,
               "images_per_second": round(at.images / max(at.training, 1e-9), 1),
               "data_wait_fraction": round(at.waiting / max(at.training, 1e-9), 4)}
        at.history.append(row)
        if not self.val.order.sizes or (val_top1, -val_loss) > (at.best_top1, -at.best_loss):
            at.best_top1, at.best_loss, at.best_epoch = val_top1, val_loss, at.epoch
            save(self.out / "best.pth", self.head | {"weights": self.average.module.state_dict(), "metrics": row})
        tired = self.how.patience and at.epoch - at.best_epoch >= self.how.patience
        at.done |= bool(tired)
        write_metrics(self.out / "metrics.csv", at.history)
        keep(self)
        self.clock.closes_in(time.monotonic() - start)
        with contextlib.suppress(BrokenPipeError):       # `… | head`: nobody reads on, and the run goes on
            bar.write(f"epoch {at.epoch:3d}/{self.how.epochs}  loss {row['train_loss']:.4f}  top-1 "
                      f"{row['train_top1']:.4f}  val loss {val_loss:.4f}  val top-1 {val_top1:.4f}  "
                      f"{row['seconds']:.0f} s")
            if tired and at.step < self.steps:
                bar.write(f"no better val since epoch {at.best_epoch}: ended (train.patience = {self.how.patience})")
