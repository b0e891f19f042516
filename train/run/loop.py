"""Trainer: the training loop, from shards to best.pth within a budget; it can be resumed."""

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path

import torch
from tqdm.auto import tqdm

from tenfold.data.errors import TrainingFault
from tenfold.data.process import held_back
from tenfold.data.recipe import Recipe
from tenfold.data.shardset import ShardSet
from tenfold.train.learn.learner import Learner
from tenfold.train.learn.schedule import lr_at
from tenfold.train.models.build import check_batch
from tenfold.train.normalise import Normalise
from tenfold.train.run.checkpoint import describe, with_val_learnt
from tenfold.train.run.checkpoint_writer import CheckpointWriter
from tenfold.train.run.clock import Clock
from tenfold.train.run.feed import Feed
from tenfold.train.run.figures import Curves
from tenfold.train.run.notes import epoch_line
from tenfold.train.run.pace import Pace
from tenfold.train.run.plan import Plan, whole_plan
from tenfold.train.run.preparation import budget_fault, prepare
from tenfold.train.run.state import RunState, load_state, state_content
from tenfold.train.run.step_metrics import CURE, StepMetrics
from tenfold.train.run.validation import Validation, validate


class Trainer:
    """Trains one network; `state` says how far it is. Close it after use.

    out: folder of best.pth, last.pth and metrics.csv. resumed: `resume` will be called, so pretrained weights are not
    loaded.
    """

    def __init__(self, shards: ShardSet, recipe: Recipe, out: Path, clock: Clock, device: torch.device,
                 resumed: bool = False):
        self.state = RunState()
        self.pace = Pace(clock, device, self.state, recipe.train.compile != "none")
        self.curves = Curves(out / "curves.png", self.pace.closing)
        head = describe(shards, recipe)
        self.writer = CheckpointWriter(out, head, device, left=clock.left)
        torch.manual_seed(recipe.seed)
        self.config, self.out = recipe.train, out
        normalise = Normalise(head["mean"], head["std"], device, recipe.model.size)
        self.learner = Learner(shards, recipe, normalise, pretrained=not resumed)
        self.feed = Feed(shards, recipe, device)
        check_batch(self.learner.model, self.feed.batch,
                    normalise(torch.zeros(1, *shards.row_shape, dtype=torch.uint8, device=device)))
        self.plan = self.whole_plan = whole_plan(recipe.train, self.feed.steps, self.feed.batch)
        self.follow(self.plan)
        self.step_metrics = StepMetrics(device)

    def resume(self, last: dict) -> None:
        """Go on from what `state_content` returned. CheckpointFault: it is of another run."""
        load_state(self.out / "last.pth", last, self.learner, self.state, self.step_metrics)
        self.follow(Plan(**{f.name: self.state.plan[f.name] for f in dataclasses.fields(Plan)}))
        self.pace.threads.restore(self.state.threads)
        clock = self.pace.clock
        clock.reached = min(1.0, self.state.late / clock.budget)

    def fit(self) -> None:
        """Train until the plan or the budget ends, or until an interrupt.

        KeyboardInterrupt: it was interrupted, and last.pth is written. TrainingFault: the loss is not finite, or the
        budget was spent before the first step.
        """
        self.pace.threads.begin()
        fitted = prepare(self)
        self.pace.clock.begin(self.plan.fits)
        self.curves.begin()
        with held_back() as interrupted, self.writer, tqdm(
                total=self.plan.steps * self.feed.batch, initial=self.state.images, desc="train", unit="img",
                unit_scale=True, disable=None) as bar:
            if fitted:
                if fitted.is_refitted:
                    self.writer.head = with_val_learnt(self.writer.head)
                val = Validation(self.learner.networks()[0], *fitted.val, fitted.val_rows, fitted.answers)
                self._record(0, fitted.train, val, 0.0, bar)
            while not self.state.done:
                t = self._steps(interrupted, bar)
                if self.state.row_steps:
                    self._close_row(t, bar)
                elif self.state.history:         # the budget ended with the last evaluation
                    self.state.done = True
                    self._save()
                else:
                    raise budget_fault(self.pace.clock, self.config.compile)
        if interrupted():                        # too late for this run, but not for those after it
            raise KeyboardInterrupt("this run had ended")

    def close(self) -> None:
        """Close files and threads."""
        self.pace.threads.close()
        self.feed.close()

    def follow(self, plan: Plan) -> None:
        """Adopt a plan, and use batches of its size."""
        self.feed.use_batch(plan.batch)
        self.plan, self.state.plan = plan, dataclasses.asdict(plan)

    def _steps(self, interrupted: Callable[[], bool], bar: tqdm) -> float:
        """Take the steps until the next evaluation or the end of the budget; return the progress, 0 … 1."""
        state = self.state
        while True:
            t, complete = self._epoch_steps(interrupted, bar)
            if complete:
                state.epoch, state.batch = state.epoch + 1, 0
            if t >= 1 or self.pace.evaluation_is_due(self.plan, t, complete):
                return t

    def _epoch_steps(self, interrupted: Callable[[], bool], bar: tqdm) -> tuple[float, bool]:
        """Take steps until the epoch ends, or an evaluation or the end is due; return (progress, the epoch is over)."""
        state, pace = self.state, self.pace
        pace.begin()
        self.learner.model.train()
        batches = self.feed.train.epoch(state.epoch, state.batch)
        while True:
            with pace.waiting():
                pair = next(batches, None)
            t = pace.clock.progress(state.images, self.plan.images)
            if pair is None or t >= 1 or (state.row_steps and pace.evaluation_is_due(self.plan, t)):
                break
            state.late = t * pace.clock.budget if t > state.images / self.plan.images else 0.0
            image, label = pair
            self._step(image, label, lr=self.plan.lr * lr_at(t, self.config))
            bar.update(len(label))
            pace.stepped()
            if pace.read_is_due():
                self._read(bar)
            if interrupted() or self.writer.is_due():
                self._read(bar)
                pace.end()
                self._save()
                pace.begin()
                if interrupted():
                    raise KeyboardInterrupt(f"train with resume to go on from step {state.step} of {self.plan.steps}")
        batches.close()
        pace.end()
        return t, pair is None

    def _step(self, image: torch.Tensor, label: torch.Tensor, lr: float) -> None:
        """Take one optimizer step on uint8 (B, H, W, C), or kept features (B, …), and int64 (B,); nothing waits for
        the device."""
        state = self.state
        numbers = self.learner.numbers(state.epoch, state.batch, len(label))
        self.step_metrics.add(self.learner.step(image, label, numbers, lr, number=state.step))
        state.step += 1
        state.batch += 1
        state.images += len(label)

    def _read(self, bar: tqdm) -> tuple[float, float]:
        """Wait for the device, and return (mean loss, share of right answers) since the last evaluation.

        TrainingFault: a loss is not finite.
        """
        mean, share = self.step_metrics.read(self.feed.batch, self.state.step, self.plan.steps)
        self.pace.closing.expect("checkpoints", self.writer.seconds)
        self.pace.was_read()
        bar.set_postfix_str(f"epoch {self.state.epoch + 1} loss {mean:.3f}", refresh=False)
        return mean, share

    def _save(self, best: dict | None = None) -> None:
        """Give last.pth, and `best` as the content of best.pth, to the writer."""
        self.state.seconds, self.state.threads = self.pace.clock.elapsed(), self.pace.threads.stored
        self.writer.hold(state_content(self.learner, self.state, self.step_metrics), self.state.history, best)

    def _close_row(self, t: float, bar: tqdm) -> None:
        """End a row of the history: evaluate, and record the result."""
        state = self.state
        train = self._read(bar)
        state.done = t >= 1 or state.images >= self.plan.images
        epoch: float = state.epoch
        if state.batch and self.plan.fits and state.done:        # the budget ended the epoch
            epoch = state.epoch = state.epoch + 1
            state.batch = 0
        elif state.batch:
            epoch += state.batch / self.feed.steps
        self._record(epoch, train, self._validate(), self.plan.lr * lr_at(t, self.config), bar)

    def _record(self, epoch: float, train: tuple[float, float], val: Validation, lr: float, bar: tqdm) -> None:
        """Add a row to the history and give the checkpoints to the writer; at the end of the run, wait for it."""
        state, patience = self.state, self.config.patience
        row = state.row(epoch, train, val, lr, self.pace.clock.elapsed())
        best = None
        if state.add(row, self.config.keep):
            with self.pace.closing.timed("temperature"):
                best = {"weights": val.network.state_dict(), "metrics": row, "temperature": val.temperature()}
        self.step_metrics.clear()
        out_of_patience = bool(patience) and min(state.epoch - state.best_epoch, state.since_best()) >= patience
        state.done |= out_of_patience
        self._save(best)
        if state.done:
            self.writer.flush()
        else:                                    # at the end, the curves are drawn after the checkpoints
            self.curves.update(state, self.pace.clock.left())
        self.pace.clock.reserve(self.pace.closing.total())
        with contextlib.suppress(BrokenPipeError):       # `… | head`: the reader has gone, and the run goes on
            bar.write(epoch_line(row, self.config.epochs))
            if out_of_patience and state.images < self.plan.images:
                bar.write(f"no better val since epoch {state.best_epoch}: ended (train.patience = {patience})")

    def _validate(self) -> Validation:
        """Evaluate in the time that is left. TrainingFault: weights or loss are not finite."""
        clock, closing = self.pace.clock, self.pace.closing
        end = clock.budget - closing.after_evaluation()
        with closing.timed("evaluation"):
            val = validate(self.learner, self.feed.val, self.config.precision, self.plan.val_batches,
                           late=lambda more: clock.elapsed() + more > end)
        if not (val.is_finite() and self.learner.is_finite()):
            raise TrainingFault(f"step {self.state.step} of {self.plan.steps}", "weights or val loss are not finite",
                                CURE)
        return val
