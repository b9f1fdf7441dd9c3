# Shortcuts for those who have make; everything real is in dev.py, which needs only Python.
PYTHON ?= python3
VENV := .venv/bin/python
ARGS ?=

.PHONY: help demo test lint bench quality bundle docs-screenshots clean

help:
	@echo "make demo              run the main job on the sample photographs and show it"
	@echo "make test              every check: code, types, layering, tests"
	@echo "make lint              only the checks that read the code"
	@echo "make bench             speed and memory, as ratios within one run"
	@echo "make quality           accuracy on the measurement data, as a table"
	@echo "make bundle            one-folder program in dist/counterpart"
	@echo "make docs-screenshots  redraw the pictures in docs/"
	@echo "make clean             remove what the checks and builds leave, but not .venv"
	@echo "Further arguments: make test ARGS='-k geometry'"

demo:
	$(PYTHON) dev.py demo $(ARGS)

test:
	$(PYTHON) dev.py test $(ARGS)

lint:
	$(PYTHON) dev.py lint

bench:
	$(PYTHON) dev.py setup --extras test,explore,video
	$(VENV) -m tests.bench $(ARGS)

quality:
	$(PYTHON) dev.py setup --extras test,explore,video
	$(VENV) -m tests.quality $(ARGS)

bundle:
	$(PYTHON) dev.py setup --extras bundle,explore,video,heif
	$(VENV) -m PyInstaller --noconfirm --log-level WARN pyinstaller.spec

docs-screenshots:
	$(PYTHON) dev.py setup --extras explore,video
	$(VENV) -m docs.screenshots $(ARGS)

clean:
	rm -rf build dist *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find core desktop tests -name __pycache__ -type d -prune -exec rm -rf {} +
