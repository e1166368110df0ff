# Everything that a newcomer types; each target makes .venv and installs what it needs.
PYTHON ?= python3
PIP = .venv/bin/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo notebook test compat benchmark docs clean

demo: .venv/demo  # the credits stay in pass-demo/
	.venv/bin/pass-utils demo

notebook: .venv/examples
	.venv/bin/jupyter lab examples/streaming.ipynb

test: .venv/test
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/pytest

compat: .venv/demo
	.venv/bin/python tests/compat.py

benchmark: .venv/benchmark
	.venv/bin/python benchmarks/opening.py
	.venv/bin/python benchmarks/streaming.py
	.venv/bin/python benchmarks/downloading.py
	.venv/bin/python benchmarks/resolution.py
	.venv/bin/python benchmarks/crediting.py
	.venv/bin/python benchmarks/exporting.py
	.venv/bin/python benchmarks/pushing.py

docs: .venv/docs  # the reference of the public names; what pdoc warns of is an error
	.venv/bin/python docs/reference.py build/docs

clean:
	rm -rf .venv .compat build pass-demo *.egg-info

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: setup.cfg pyproject.toml | .venv/bin/python
	$(PIP) -e .
	@touch $@

.venv/examples: setup.cfg pyproject.toml | .venv/bin/python
	$(PIP) -e '.[examples]'
	@touch $@ .venv/demo

.venv/test: setup.cfg pyproject.toml | .venv/bin/python
	$(PIP) -e '.[test]'
	@touch $@ .venv/demo

.venv/benchmark: setup.cfg pyproject.toml | .venv/bin/python
	$(PIP) -e '.[benchmark]'
	@touch $@

.venv/docs: setup.cfg pyproject.toml | .venv/bin/python
	$(PIP) -e '.[docs]'
	@touch $@
