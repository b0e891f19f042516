"""Trainer: the training loop, from shards to best.pth within a budget; it can be resumed."""

import contextlib
import math
from collections.abc import Callable
from pathlib import Path

import torch
from tqdm.auto import tqdm

from tenfold.data.errors import TrainingFault
from tenfold.data.files import set_aside_previous
from tenfold.data.recipe import Recipe
from tenfold.data.shardset import ShardSet
from tenfold.train.batches import open_batches
from tenfold.train.csv_file import write_metrics
from tenfold.train.device import Normalise
from tenfold.train.learn.learner import Learner
from tenfold.train.learn.schedule import lr_at
from tenfold.train.models import check_batch
from tenfold.train.run.checkpoint import describe, save
from tenfold.train.run.clock import Clock
from tenfold.train.run.interrupts import held_back
from tenfold.train.run.pace import Pace
from tenfold.train.run.state import RunState, load_state, save_state
from tenfold.train.score.evaluate import evaluate, loss_and_top1
from tenfold.train.score.files import FILES as SCORE_FILES

CHECKPOINTS = ("last.pth", "best.pth")
FILES = (*CHECKPOINTS, "metrics.csv", "curves.png")      # what a run leaves in its folder
CURE = "lower train.lr, or raise train.warmup; earlier checkpoints are kept"


class Trainer:
    """Train one network; `state` says how far it is. To be closed after use.

    out: folder of best.pth, last.pth and metrics.csv. resumed: `resume` follows, so no other weights are loaded.
    """

    def __init__(self, shards: ShardSet, recipe: Recipe, out: Path, clock: Clock, device: torch.device,
                 resumed: bool = False):
        self.head = describe(shards, recipe)
        torch.manual_seed(recipe.seed)
        self.config, self.out, self._row_shape = recipe.train, out, shards.row_shape
        normalise = Normalise(self.head["mean"], self.head["std"], device, recipe.model.size)
        self.learner = Learner(shards, recipe, normalise, pretrained=not resumed)
        self.train = open_batches(shards, "train", self.config, recipe.seed, device, shuffle=True)
        check_batch(self.learner.model, self.batch, normalise(torch.zeros(1, *self._row_shape, device=device)))
        self.val = open_batches(shards, "val", self.config, recipe.seed, device, shuffle=False)
        self.steps = self.config.epochs * len(self.train.order.sizes)
        self.state = RunState()
        self.pace = Pace(clock, device, self.state)
        # loss and right answers of each step of the epoch: on the device, so that no step waits
        self.step_metrics = torch.zeros(len(self.train.order.sizes), 2, device=device)

    def resume(self, last: dict) -> None:
        """Go on from what `save_state` wrote. CheckpointFault: it is of another run."""
        load_state(self.out / "last.pth", last, self.learner, self.state, self.step_metrics)
        clock = self.pace.clock
        clock.reached = min(1.0, self.state.late / clock.budget)

    @property
    def batch(self) -> int:
        """Rows of every training batch."""
        return self.train.order.sizes[0]

    def fit(self) -> None:
        """Train to the end, the budget or an interrupt.

        KeyboardInterrupt: it was interrupted; last.pth is written first. TrainingFault: the loss is not finite, or the
        budget was spent before the first step.
        """
        self.learner.compile(self.config.compile, self.batch, self._row_shape)
        clock = self.pace.clock
        clock.begin()
        if not self.state.step and clock.progress(0, 1) >= 1:
            raise self._spent()
        # what an earlier run left must not be taken for this one's
        if not self.state.step and (line := set_aside_previous(self.out, (*FILES, *SCORE_FILES), CHECKPOINTS)):
            print(line)
        with held_back() as interrupted, tqdm(
                total=self.steps * self.batch, initial=self.state.step * self.batch, desc="train", unit="img",
                unit_scale=True, disable=None) as bar:
            while not self.state.done:
                self._epoch(interrupted, bar)

    def close(self) -> None:
        """Let go of files and threads."""
        self.train.close()
        self.val.close()

    def _spent(self) -> TrainingFault:
        clock = self.pace.clock
        return TrainingFault("--budget", f"of {clock.budget:g} s is spent before the first step "
                             f"({clock.elapsed():.1f} s)", "give more")

    def _epoch(self, interrupted: Callable[[], bool], bar: tqdm) -> None:
        """The rest of the epoch under way, its evaluation and its checkpoints."""
        t = self._steps(interrupted, bar)
        if self.state.batch:
            self._close_epoch(t, bar)
        elif self.state.step:                    # the budget ended with the epoch before
            self.state.done = True
            self._save()
        else:
            raise self._spent()

    def _steps(self, interrupted: Callable[[], bool], bar: tqdm) -> float:
        """The steps of the rest of the epoch, or as many as the budget has; progress after them, 0 … 1."""
        state, pace = self.state, self.pace
        pace.begin()
        self.learner.model.train()
        batches = self.train.epoch(state.epoch, state.batch)
        while True:
            with pace.waiting():
                pair = next(batches, None)
            t = pace.clock.progress(state.step, self.steps)
            if pair is None or t >= 1:
                break
            state.late = t * pace.clock.budget if t > state.step / self.steps else 0.0
            image, label = pair
            self._step(image, label, lr=self.config.lr * lr_at(t, self.config))
            bar.update(len(label))
            pace.stepped()
            if pace.read_is_due():
                self._read(bar)
                pace.expect_closing(sum(self.val.order.sizes) / self.batch)
            if interrupted() or pace.checkpoint_is_due():
                self._read(bar)
                pace.end()
                self._save()
                pace.checkpoint_written()
                if interrupted():
                    raise KeyboardInterrupt(f"go on with --resume from step {state.step} of {self.steps}")
        batches.close()
        pace.end()
        return t

    def _step(self, image: torch.Tensor, label: torch.Tensor, lr: float) -> None:
        """One optimiser step on uint8 (B, H, W, C) and int64 (B,); nothing in it waits for the device."""
        state = self.state
        numbers = self.learner.numbers(state.epoch, state.batch, len(label))
        self.step_metrics[state.batch] = self.learner.step(image, label, numbers, lr, first=not state.step)
        state.step += 1
        state.batch += 1
        state.images += len(label)

    def _read(self, bar: tqdm) -> tuple[float, float]:
        """Wait for the device and read (mean loss, share of right answers) of the epoch so far.

        TrainingFault: a loss is not finite.
        """
        state = self.state
        loss, right = self.step_metrics[:state.batch].cpu().double().unbind(1)
        if not loss.isfinite().all():
            bad = state.step - state.batch + 1 + int(loss.isfinite().logical_not().nonzero()[0])
            raise TrainingFault(f"step {bad} of {self.steps}", "the loss is not finite", CURE)
        mean, share = (v.mean().item() for v in (loss, right / self.batch))
        bar.set_postfix_str(f"epoch {state.epoch + 1} loss {mean:.3f}", refresh=False)
        return mean, share

    def _save(self) -> None:
        """Write last.pth."""
        self.state.seconds = self.pace.clock.elapsed()
        save_state(self.out / "last.pth", self.head, self.learner, self.state, self.step_metrics)

    def _close_epoch(self, t: float, bar: tqdm) -> None:
        """Evaluate, record, and write best.pth before last.pth: killed in between, the epoch is done again."""
        state, config = self.state, self.config
        train = self._read(bar)
        state.epoch, state.batch = state.epoch + 1, 0
        state.done = t >= 1 or state.step >= self.steps
        with self.pace.closing():
            val = self._evaluate()
            row = state.row(train, val, config.lr * lr_at(t, config), self.pace.clock.elapsed())
            state.history.append(row)
            if not self.val.order.sizes or (row["val_top1"], -row["val_loss"]) > (state.best_top1, -state.best_loss):
                state.best_top1, state.best_loss, state.best_epoch = row["val_top1"], row["val_loss"], state.epoch
                save(self.out / "best.pth",
                     self.head | {"weights": self.learner.ema.module.state_dict(), "metrics": row})
            out_of_patience = bool(config.patience) and state.epoch - state.best_epoch >= config.patience
            state.done |= out_of_patience
            write_metrics(self.out / "metrics.csv", state.history)
            self._save()
        with contextlib.suppress(BrokenPipeError):       # `… | head`: nobody reads on, and the run goes on
            bar.write(f"epoch {state.epoch:3d}/{config.epochs}  loss {row['train_loss']:.4f}  top-1 "
                      f"{row['train_top1']:.4f}  val loss {row['val_loss']:.4f}  val top-1 {row['val_top1']:.4f}  "
                      f"{row['seconds']:.0f} s")
            if out_of_patience and state.step < self.steps:
                bar.write(f"no better val since epoch {state.best_epoch}: ended (train.patience = {config.patience})")

    def _evaluate(self) -> tuple[float, float]:
        """(loss, top-1) of the val rows, NaN without any. TrainingFault: they, or the weights, are not finite."""
        learner, loss, top1 = self.learner, math.nan, math.nan
        if self.val.order.sizes:
            loss, top1 = loss_and_top1(*evaluate(learner.ema.module, self.val, learner.normalise,
                                                 learner.normalise.device, self.config.precision))
        if not learner.is_finite() or (self.val.order.sizes and not math.isfinite(loss)):
            raise TrainingFault(f"step {self.state.step} of {self.steps}", "weights or val loss are not finite", CURE)
        return loss, top1
