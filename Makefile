# `make demo` and `make test` set everything up by themselves: own virtual environment, pinned versions.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test check bench docs lock audit sbom oldest newest clean

demo: $(VENV)/run.done
	$(BIN)/cuecircuit demo demo

# as many workers as processors, so that each multiplies matrices with one thread
test: export OPENBLAS_NUM_THREADS := 1
test: $(VENV)/dev.done
	$(BIN)/python -m pytest -n auto --dist loadgroup tests

check: $(VENV)/dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python validation/words.py

bench: $(VENV)/dev.done
	$(BIN)/python -m benchmarks

docs: $(VENV)/dev.done
	$(BIN)/sphinx-build -W --keep-going -q -b html docs site
	@echo "docs: site/index.html"

# Writes the lock anew from pyproject.toml, the only step that chooses versions: those it has are kept where they fit
# (`make lock UPGRADE=--upgrade` takes the newest).
lock: $(VENV)/python.done
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile -q $(UPGRADE) --universal --generate-hashes --no-header --python-version 3.11 pyproject.toml -o locks/run.txt
	$(BIN)/uv pip compile -q $(UPGRADE) --universal --generate-hashes --no-header --python-version 3.11 --group dev --all-extras --overrides locks/overrides.txt -c locks/run.txt pyproject.toml -o locks/dev.txt

# Known vulnerabilities of what the locks pin: by the advisory service of PyPI or, where it cannot be reached, from a folder
# (`make audit ADVISORIES=../advisory-database`).
ifdef ADVISORIES
audit: $(VENV)/run.done
	$(BIN)/python release/advisories.py $(ADVISORIES) locks/run.txt locks/dev.txt
else
audit: $(VENV)/python.done
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/pip install --quiet pip-audit
	$(VENV)/audit/bin/pip-audit --disable-pip --require-hashes -r locks/run.txt
	$(VENV)/audit/bin/pip-audit --disable-pip --require-hashes -r locks/dev.txt
endif

# What a release is made of, as CycloneDX with the hashes of the lock; the same bytes from the same lock.
sbom: $(VENV)/python.done
	$(PYTHON) -m venv $(VENV)/sbom
	$(VENV)/sbom/bin/pip install --quiet cyclonedx-bom
	$(VENV)/sbom/bin/cyclonedx-py requirements --output-reproducible --of JSON -o sbom.cdx.json locks/run.txt

# The tests with the oldest versions that pyproject.toml allows, and with the newest there are.
# Old versions warn of what newer ones beside them deprecate: their warnings are shown and do not fail a test.
oldest: RESOLUTION := lowest-direct --all-extras
oldest: WARNINGS := -W default
newest: RESOLUTION := highest
oldest newest: $(VENV)/python.done
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile -q --resolution $(RESOLUTION) --no-header pyproject.toml -o $(VENV)/$@.txt
	$(BIN)/uv pip compile -q --no-header --group dev --all-extras --overrides locks/overrides.txt -c $(VENV)/$@.txt pyproject.toml -o $(VENV)/$@-dev.txt
	$(PYTHON) -m venv $(VENV)/$@
	$(VENV)/$@/bin/pip install --quiet --no-deps -r $(VENV)/$@-dev.txt
	$(VENV)/$@/bin/pip install --quiet --no-deps --no-build-isolation .
	$(VENV)/$@/bin/python -m pytest -n auto --dist loadgroup $(WARNINGS) tests

$(VENV)/python.done:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "cuecircuit needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one: make PYTHON=python3.12 demo"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/run.done: $(VENV)/python.done locks/run.txt pyproject.toml
	$(BIN)/pip install --quiet --no-deps --require-hashes -r locks/run.txt
	$(BIN)/pip install --quiet --no-deps --editable .
	touch $@

$(VENV)/dev.done: $(VENV)/python.done locks/dev.txt pyproject.toml
	$(BIN)/pip install --quiet --no-deps --require-hashes -r locks/dev.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@ $(VENV)/run.done

clean:
	rm -rf $(VENV) demo site
