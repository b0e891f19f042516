# Bare `make` prints the targets. Every target makes what it needs first, the environment included;
# PY=python3 uses an interpreter that already has the packages and makes none.
PYTHON ?= python3
PY     ?= .venv/bin/python
RECIPE ?= recipes/sample.toml
MODEL  ?= best.pth
NAME    = $(basename $(notdir $(RECIPE)))
SHARDS ?= shards/$(NAME)
OUT    ?= runs/$(NAME)
BUNDLE ?= shards.tar

# SET="train.lr=0.01 draw.copies=20" → --set … for each; VAR=value → --var value where it was given
sets    = $(foreach s,$(SET),--set '$(s)')
option  = $(if $($(1)),--$(2) '$($(1))')
# after `augment` or `train` in the same call DATA was for those: the score is that of the held-out rows
scored  = $(if $(filter augment train,$(MAKECMDGOALS)),,$(DATA))
common  = $(sets) $(if $(JSON),--json)

ifeq ($(PY),.venv/bin/python)
ENV = .venv/.done
endif

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

demo: $(ENV) ## augment, train and score on 5,000 handwritten digits; about two minutes, no GPU
	@$(MAKE) --no-print-directory augment train score RECIPE=recipes/sample.toml DATA= MODEL=best.pth
	@echo "shards: shards/sample   run: runs/sample   model: best.pth   report: score.json predictions.csv confusion.png worst.png"

data: $(ENV) ## a public set → datasets/<name>.npz: NAME=cifar10, mnist, svhn, … (README)
	$(PY) -m data.fetch $(NAME) $(if $(JSON),--json)

augment: $(ENV) $(if $(DATA),,$(filter datasets/sample.npz,datasets/$(NAME).npz)) ## images → shards/<recipe>: RECIPE= DATA= [SHARDS= WORKERS= SET= PREVIEW=sheet.png]
	$(PY) -m preprocess --recipe $(RECIPE) --out $(SHARDS) $(call option,DATA,data) $(call option,WORKERS,workers) $(call option,PREVIEW,preview) $(common)

report: $(ENV) $(if $(DATA),,$(filter datasets/sample.npz,datasets/$(NAME).npz)) ## what a set is made of, before it is built: RECIPE= DATA=
	$(PY) -m preprocess --recipe $(RECIPE) --out $(SHARDS) $(call option,DATA,data) $(call option,WORKERS,workers) --report $(common)

train: $(ENV) $(SHARDS)/dataset.json ## shards → runs/<recipe>/ and best.pth: RECIPE= [BUDGET= RESUME=1 DEVICE= SHARDS= OUT= SET=]
	$(PY) -m train --recipe $(RECIPE) --shards $(SHARDS) --out $(OUT) $(call option,BUDGET,budget) $(call option,DEVICE,device) $(if $(RESUME),--resume) $(common)

score: $(ENV) $(filter best.pth,$(MODEL)) ## where a model is right and wrong: MODEL=best.pth [DATA=folder or SHARDS= TTA=8 DEVICE=]
	$(PY) -m train.score $(MODEL) $(if $(scored),--data '$(scored)',$(if $(filter-out file,$(origin SHARDS)),--shards '$(SHARDS)')) $(call option,TTA,tta) $(call option,DEVICE,device) $(if $(scored),$(sets)) $(if $(JSON),--json)

bench: $(ENV) $(SHARDS)/dataset.json ## time loader settings on your shards: RECIPE= [BUDGET= DEVICE= SET=]
	$(PY) -m train.bench --recipe $(RECIPE) --shards $(SHARDS) $(call option,BUDGET,budget) $(call option,DEVICE,device) $(common)

sweep: $(ENV) $(SHARDS)/dataset.json ## a grid or search over recipe keys: RECIPE= GRID="train.lr=0.001,0.002" or SEARCH="train.lr=1e-4..1e-2" [TRIALS=20 PRUNER= BUDGET= DATA= DEVICE=]
	$(PY) -m train.sweep --recipe $(RECIPE) --shards $(SHARDS) --out $(OUT)-sweep $(if $(GRID),--grid $(foreach g,$(GRID),'$(g)')) $(if $(SEARCH),--search $(foreach g,$(SEARCH),'$(g)')) $(call option,TRIALS,trials) $(call option,PRUNER,pruner) $(call option,BUDGET,budget) $(call option,DATA,data) $(call option,DEVICE,device) $(common)

bench-augment: $(ENV) ## drawing copies beside the first project's way: DATA=folder
	$(PY) -m benchmarks.augmenting --data '$(DATA)' $(common)

bench-load: $(ENV) ## our engines beside a plain copy, a memory map, h5py and image files
	$(PY) -m benchmarks.loading $(common)

bench-peers: .venv-peers/.done ## our engines beside webdataset, streaming, litdata, spdl, DALI, …; an environment of its own
	.venv-peers/bin/python -m benchmarks.peers $(common)

bench-train: $(ENV) ## our loop beside one written by hand, and the time to the first step: [DEVICE=]
	$(PY) -m benchmarks.training --parts loop startup $(call option,DEVICE,device) $(common)

bench-finetune: $(ENV) ## fine-tuning beside a plain torchvision loop: DATA=cifar10.npz WEIGHTS=squeezenet1_0.pth
	$(PY) -m benchmarks.finetune --data '$(DATA)' --weights '$(WEIGHTS)' $(common)

bench-device-augment: $(ENV) ## what each key of [augment] costs beside a training step: [DEVICE=]
	$(PY) -m benchmarks.device_augment $(call option,DEVICE,device) $(common)

bundle: $(ENV) ## recipes and their shards as one file of 60 MB at most: BUNDLE=shards.tar RECIPES="a.toml b.toml=shards/b" [SET=]
	$(PY) -m benchmarks.bundle $(BUNDLE) $(or $(RECIPES),$(RECIPE)) $(sets)

bench-gpu: $(ENV) ## train a bundle and time loop, loaders and start in under ten minutes: BUNDLE=shards.tar [BUDGET= DEVICE=]
	$(PY) -m benchmarks.gpu $(BUNDLE) $(call option,BUDGET,budget) $(call option,DEVICE,device) $(common)

bench-cold: $(ENV) ## an epoch read from a cold disk beside the disk's own rate (Linux, 4 GB of room)
	$(PY) -m benchmarks.cold $(common)

plots: $(ENV) ## docs/*.png out of benchmarks/results.tsv
	$(PY) -m benchmarks.plots

folds: $(ENV) ## k-fold cross-validation by source image: RECIPE= DATA= [FOLDS=5 BUDGET= TTA= RESUME=1 SET=]
	$(PY) -m benchmarks.folds --recipe $(RECIPE) $(call option,DATA,data) $(call option,FOLDS,folds) $(call option,BUDGET,budget) $(call option,TTA,tta) $(if $(RESUME),--resume) $(common)

compare: $(ENV) ## recipes side by side on the same images, same budget: RECIPES="a.toml b.toml" DATA= [BUDGET= TTA= RESUME=1 SET=]
	$(PY) -m benchmarks.compare $(or $(RECIPES),$(RECIPE)) $(call option,DATA,data) $(call option,BUDGET,budget) $(call option,TTA,tta) $(if $(RESUME),--resume) $(common)

models: $(ENV) ## the networks, with parameters and multiply-adds: [RECIPE= ALL=1 SET=]
	$(PY) -m train.models $(if $(filter-out file,$(origin RECIPE)),--recipe '$(RECIPE)') $(if $(ALL),--all) $(common)

test: $(ENV) ## every quick test, CPU only
	$(PY) -m pytest -m "not slow"

test-slow: $(ENV) ## the heavy ones
	$(PY) -m pytest -m slow

lint: $(ENV) ## ruff
	$(PY) -m ruff check .

clean: ## remove what the commands made: shards, runs and every model (not the environment, not your data)
	rm -rf shards runs datasets/sample.npz best.pth score.json predictions.csv confusion.png worst.png f1-size.png bench.json bench.png .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

$(SHARDS)/dataset.json:
	@$(MAKE) --no-print-directory augment

best.pth:                       # DATA is what is to be scored, not to be trained on
	@$(MAKE) --no-print-directory train DATA=

datasets/sample.npz: | $(ENV)
	$(PY) -m data.fetch sample

.venv/.done: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tenfold needs Python 3.11 or newer; give PYTHON=python3.12, say")'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[sample,dev]'
	@touch $@

.venv-peers/.done: benchmarks/peers.txt constraints.txt
	$(PYTHON) -m venv .venv-peers
	grep ^torch constraints.txt > .venv-peers/torch.txt
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -r .venv-peers/torch.txt -r benchmarks/peers.txt
	@touch $@

.PHONY: help demo data augment report train score bench sweep bench-augment bench-load bench-peers bench-cold bench-train bench-finetune bench-device-augment bundle bench-gpu plots folds compare models test test-slow lint clean
.NOTPARALLEL:
.DEFAULT_GOAL := help
