# Each target makes what it needs; `make demo` on a fresh clone needs only Python and make.
PYTHON ?= python3
VENV := .venv
WHAT ?= compare
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help install demo ui mlflow test lint format models bench kills clean

help:
	@echo "make demo     sample events through the whole graph, the report, and whom to contact first"
	@echo "make ui       the Dagster UI over them, http://127.0.0.1:3000"
	@echo "make test     the tests;  make lint: ruff and mypy;  make format: ruff, in place"
	@echo "make mlflow   the trainings so far, in MLflow's UI, http://127.0.0.1:5000"
	@echo "make models   train the shipped models again"
	@echo "make kills    kill -9 at 200 moments; KILLS=--help: what it can be told"
	@echo "make bench    time and memory against the pandas script; BENCH=--help: what it can be told;"
	@echo "              WHAT=history, forecast, ...: another of benchmarks/"
	@echo "make install  the set-up alone;  make clean: undo it, data and runs included"

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[models,mlflow,spark,dev]'
	touch $@

demo: install
	$(BIN)/flywheel sample data --events
	$(BIN)/flywheel run
	$(BIN)/flywheel report
	$(BIN)/flywheel intent rank --n 5

ui: install
	$(BIN)/flywheel ui

mlflow: install
	mkdir -p mlflow
	MLFLOW_DISABLE_TELEMETRY=true $(BIN)/mlflow ui --host 127.0.0.1 --port 5000 --backend-store-uri sqlite:///mlflow/mlflow.db --default-artifact-root mlflow/artefacts

test: install
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

models: install
	$(BIN)/flywheel models train --sample --out models

bench: install
	$(BIN)/python -m benchmarks.$(WHAT) $(BENCH)

kills: install
	$(BIN)/python -m benchmarks.kills $(KILLS)

clean:
	rm -rf $(VENV) .dagster data
