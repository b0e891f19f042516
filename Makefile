# Bare `make` prints the targets. Every target makes what it needs first, the environment included;
# PY=python3 uses an interpreter that already has the packages and makes none.
#
# What a target runs, and with which variables, stands in data/make_targets.py. The values reach it through the
# environment (data/make.py): none of them is ever part of a line that make or a shell reads, so each may
# hold blanks, quotes, $, ; or (, and none can run anything. `make -n` prints the commands and runs none.
PYTHON ?= python3
PY     ?= .venv/bin/python

# the names of those that were typed; data/make.py refuses one that no target knows
export TENFOLD_VARIABLES := $(foreach v,$(.VARIABLES),$(if $(filter command,$(origin $v)),$v))
# make would expand a value such as $(shell …) when it exports it: each is made what was typed, and no more
$(foreach v,$(.VARIABLES),$(if $(filter command,$(origin $v)),$(eval override $v := $$(value $v))$(eval export $v)))
# a leading ~/ is the home folder
override PYTHON := $(subst <~>,,$(subst <~>~/,$(value HOME)/,<~>$(value PYTHON)))
override PY     := $(subst <~>,,$(subst <~>~/,$(value HOME)/,<~>$(value PY)))
export PYTHON PY
# what this file itself is made of is no variable to be given: make would run it
override SHELL       := /bin/sh
override .SHELLFLAGS := -c
override ENV         :=
export TENFOLD_GOALS := $(MAKECMDGOALS)

override FRONT       := exec "$$PY" -m data.make
ifeq ($(PY),.venv/bin/python)
override ENV   := .venv/.done
override FRONT := test -x .venv/bin/python || PY=$$PYTHON; exec "$$PY" -m data.make
endif

help: ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/' | expand -t 16

auto: ## no recipe: look, choose, prove, augment, train and score, all in one budget: DATA=folder [BUDGET=10m GROUPS=folder NAME= DEVICE= SEED= PLAN=steps]
demo: ## augment, train and score on 5,000 handwritten digits; a few minutes, no GPU
data: ## a public set → datasets/<name>.npz: NAME=cifar10, mnist, svhn, … (docs/folders.md)
augment: ## images → shards/<recipe>: RECIPE= DATA= [SHARDS= WORKERS= SET= PREVIEW=sheet.png]
report: ## what a set is made of, before it is built: RECIPE= DATA=
train: ## shards → runs/<recipe>/ and best.pth: RECIPE= [BUDGET= RESUME=1 DEVICE= SHARDS= OUT= DATA= SET=]
score: ## where a model is right and wrong: MODEL=best.pth [DATA=folder or SHARDS= TTA=8 OUT= DEVICE=]
predict: ## labels for new pictures: MODEL=best.pth IMAGES=file, folder or glob [ALL=1 TTA= OUT= WORKERS= DEVICE=]
verify: ## read every byte of a set and name what is damaged: SHARDS= or RECIPE= [JSON=1]
bench: ## time loader settings on your shards: RECIPE= [BUDGET= DEVICE= SET=]
sweep: ## a grid or search over recipe keys: RECIPE= GRID="train.lr=0.001,0.002" or SEARCH="train.lr=1e-4..1e-2" [TRIALS=20 PRUNER= BUDGET= DATA= OUT= DEVICE=]
bench-augment: ## drawing copies beside the generator of letters5's author, Pillow, albumentations, …; six minutes: DATA=folder [RECORD=1]
bench-load: ## our engines beside a plain copy, a memory map, h5py and image files: [RECORD=1]
bench-peers: ## our engines beside webdataset, streaming, litdata, spdl, DALI, …; in a separate environment: [RECORD=1]
bench-train: ## our loop beside one written by hand, and the time to the first step: [DEVICE=]
bench-auto: ## the automatic mode beside HOG + SVM, regression on features, ultralytics, fastai, AutoGluon, three seeds: DATA= [RECIPES=photos2_better BUDGET=10m RECORD=1]
bench-budget: ## a hundred trainings of 10 to 60 s under changing load, timed from outside; an hour: [SHARDS= RECIPE= SET= RECORD=1]
bench-finetune: ## fine-tuning beside a plain torchvision loop: DATA=cifar10.npz WEIGHTS=squeezenet1_0.pth
bench-device-augment: ## what each key of [augment] costs beside a training step: [DEVICE=]
bundle: ## recipes and their shards as one file of 60 MB at most: BUNDLE=shards.tar RECIPES="a b=shards/b 'my c'" [SET=]
bench-gpu: ## train a bundle and time loop, loaders and start in under ten minutes: BUNDLE=shards.tar [BUDGET= DEVICE=]
bench-cold: ## an epoch read from a cold disk beside the disk's own rate (Linux, 4 GB of disk space)
bench-threads: ## training on the CPU beside other busy processes, by number and waiting of threads; three minutes
torture: ## kills, flipped bits, mutated inputs, random command lines, full disks, too little memory, a fuzzer; a table, in about an hour: [ONLY="kills flips" SEED=]
plots: ## docs/*.png out of benchmarks/results.tsv
folds: ## k-fold cross-validation by source image: RECIPE= DATA= [FOLDS=5 BUDGET= TTA= OUT= RESUME=1 SET=]
compare: ## recipes side by side on the same images, same budget: RECIPES="a b 'my c'" DATA= [BUDGET= TTA= OUT= RESUME=1 SET=]
models: ## the networks, with parameters and multiply-adds: [RECIPE= ALL=1 SET=]
recipes: ## the recipes that a name finds, each in a sentence; or one of them, to copy: [NAME=photos]

override COMMANDS := auto demo data augment report train score verify bench sweep bench-augment bench-load bench-train bench-auto bench-budget bench-threads bench-finetune bench-device-augment bundle bench-gpu bench-cold torture plots folds compare models recipes predict
$(COMMANDS): $(ENV)
	+@$(FRONT) $@

ifdef ENV
bench-augment: .venv-albumentations/.done .venv-albumentationsx/.done
bench-auto: .venv-auto_peers/.done .venv-auto_autogluon/.done
endif

bench-peers: .venv-peers/.done
	+@PY=.venv-peers/bin/python; test -x $$PY || PY=$$PYTHON; exec "$$PY" -m data.make $@

# side by side, where pytest-xdist is installed; pytest-benchmark would warn of that, and warnings are errors
PYTEST = "$$PY" -m pytest -p no:benchmark $$("$$PY" -c 'import importlib.util as u; print("-n auto --dist worksteal" * bool(u.find_spec("xdist")))')

test: $(ENV) ## every quick test, CPU only
	$(PYTEST) -m "not slow"

test-slow: $(ENV) ## the heavy ones: side by side first, then those that need the cores to themselves
	$(PYTEST) -m "slow and not alone"
	"$$PY" -m pytest -m "slow and alone"

lint: $(ENV) ## ruff and mypy
	"$$PY" -m ruff check .
	"$$PY" -m mypy

audit: $(ENV) ## published weaknesses of the pinned packages (pip-audit); skipped, with a reason, where they cannot be asked for
	-@"$$PY" -c 'import pip_audit' 2>/dev/null || "$$PY" -m pip install --quiet --disable-pip-version-check --retries 1 --timeout 10 -c constraints.txt pip-audit
	"$$PY" .ci/audit.py

clean: ## remove what the commands made: shards, runs and every model (not the environment, not your data)
	rm -rf shards runs datasets/sample.npz best.pth score.json predictions.csv confusion.png worst.png f1-size.png bench.json bench.png .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

.venv/.done: pyproject.toml constraints.txt
	"$$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tenfold needs Python 3.11 or newer; give PYTHON=python3.12, say")'
	"$$PYTHON" -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[sample,pretrained,dev]'
	@touch $@

.venv-peers/.done: benchmarks/peers.txt constraints.txt
	"$$PYTHON" -m venv .venv-peers
	grep ^torch constraints.txt > .venv-peers/torch.txt
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -r .venv-peers/torch.txt -r benchmarks/peers.txt
	@touch $@

# one that does not install is left out of the benchmark, and tried again the next time
.venv-albumentations/.done .venv-albumentationsx/.done: .venv-%/.done: benchmarks/%.txt constraints.txt
	"$$PYTHON" -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r benchmarks/$*.txt && touch $@ || echo "$*: does not install here"

# over .venv, whose torch they use; what they need in other versions they have themselves
.venv-auto_peers/.done .venv-auto_autogluon/.done: .venv-%/.done: benchmarks/%.txt constraints.txt $(ENV)
	"$$PYTHON" -m venv .venv-$*
	.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$(.venv-$*/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/below.pth"
	grep ^torch constraints.txt > .venv-$*/torch.txt
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check -c .venv-$*/torch.txt -r benchmarks/$*.txt && touch $@ || echo "$*: does not install here"

.PHONY: help auto demo data augment report train score verify bench sweep bench-augment bench-load bench-peers bench-cold bench-train bench-auto bench-budget bench-threads bench-finetune bench-device-augment bundle bench-gpu plots folds compare models recipes predict test test-slow lint audit clean torture
.NOTPARALLEL:
.DEFAULT_GOAL := help
