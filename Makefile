# Everything that a newcomer types; each target makes .venv and installs what it needs.
PYTHON ?= python3
PIP = .venv/bin/python -m pip install --quiet --disable-pip-version-check
WORKERS ?= 2
# Tests of examples that need packages which pass-utils does not: one environment, a run each.
EXAMPLE_TESTS = $(wildcard examples/audit/tests examples/curation/tests)
EXAMPLE_REQUIREMENTS = $(wildcard examples/audit/requirements.txt examples/curation/requirements.txt)

.PHONY: demo notebook test test-fast pretraining-test examples-test compat lowest dist benchmark docs clean

demo: .venv/demo  # the credits stay in pass-demo/
	.venv/bin/pass-utils demo

notebook: .venv/examples
	.venv/bin/jupyter lab examples/streaming.ipynb

test: .venv/test  # format, lint, types, and every test
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/pytest -n $(WORKERS) --dist loadfile

test-fast: .venv/test-fast  # without the slow tests, and without the heavy packages
	.venv/bin/pytest -n $(WORKERS) --dist loadfile -m "not slow"

pretraining-test: .venv-pretraining/installed  # the tests of examples/pretraining, in an environment of their own
	.venv-pretraining/bin/python -m pytest -n $(WORKERS) --dist loadfile examples/pretraining/tests

examples-test: .venv-examples/installed  # the tests of examples/audit and examples/curation
	set -e; for folder in $(EXAMPLE_TESTS); do .venv-examples/bin/pytest $$folder; done

compat: .venv/demo  # the tests of loading and export on every supported line of datasets
	.venv/bin/python tests/compat.py

lowest: .venv/demo  # the fast tests on the lowest version of each dependency
	.venv/bin/python tests/compat.py lowest

dist: .venv/dist  # sdist and wheel in dist/, checked, and opened from an empty environment
	.venv/bin/python tests/dist.py

benchmark: .venv/benchmark
	.venv/bin/python benchmarks/run_all.py --output docs/measurements.md

docs: .venv/docs  # the reference of the public names; what pdoc warns of is an error
	.venv/bin/python docs/reference.py build/docs

clean:
	rm -rf .venv .venv-pretraining .venv-examples .compat build dist pass-demo *.egg-info

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: setup.cfg pyproject.toml | .venv/bin/python
	$(PIP) -e .
	@touch $@

# PyTorch's pinned pair; the one of '.[test]' is another.
.venv-pretraining/installed: setup.cfg pyproject.toml $(wildcard examples/pretraining/*.txt)
	test -x .venv-pretraining/bin/python || $(PYTHON) -m venv .venv-pretraining
	.venv-pretraining/bin/python -m pip install --quiet --disable-pip-version-check -e . pytest pytest-xdist \
		-r examples/pretraining/requirements.txt -c examples/pretraining/constraints.txt
	@touch $@

# The stamp of an extra: .venv/test says that '.[test]' is installed.
.venv/%: setup.cfg pyproject.toml | .venv/bin/python
	$(PIP) -e '.[$*]'
	@touch $@ .venv/demo

.venv-examples/installed: setup.cfg pyproject.toml $(EXAMPLE_REQUIREMENTS)
	test -d .venv-examples || $(PYTHON) -m venv .venv-examples
	.venv-examples/bin/python -m pip install --quiet --disable-pip-version-check -e . $(EXAMPLE_REQUIREMENTS:%=-r %)
	@touch $@
