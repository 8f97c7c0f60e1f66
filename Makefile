# Two commands do everything: `make demo` and `make test`. Options go on by ARGS="…".
# Both set up what they need themselves; system packages are installed only by root and only where they are missing.
.PHONY: demo test lint fuzz bench lock clean

VENV := .venv
BIN := $(VENV)/bin

demo: $(VENV)/.set-up-lab
	@$(BIN)/burgernet demo $(ARGS)

test: $(VENV)/.set-up-dev
	@$(BIN)/python tools/run_tests.py $(ARGS)

lint: $(VENV)/.set-up-dev
	@$(BIN)/python tools/run_tests.py --only-lint

fuzz: $(VENV)/.set-up-dev
	@HYPOTHESIS_PROFILE=long $(BIN)/pytest tests/fuzz $(ARGS)

bench: $(VENV)/.set-up-dev
	@$(BIN)/python benchmarks/run.py $(ARGS)

# The locks hold for every supported Python; renew them after changing the dependencies in pyproject.toml.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --all-extras pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --extra lab --constraint requirements.lock pyproject.toml -o requirements-lab.lock

clean:
	rm -rf $(VENV) build dist *.egg-info

# The whole set serves the demo too, so that `make test` and then `make demo` install nothing twice.
$(VENV)/.set-up-lab: requirements-lab.lock pyproject.toml tools/set_up.sh
	@test -e $(VENV)/.set-up-dev || sh tools/set_up.sh $(VENV) requirements-lab.lock
	@touch $@

$(VENV)/.set-up-dev: requirements.lock pyproject.toml tools/set_up.sh
	@sh tools/set_up.sh $(VENV) requirements.lock
	@touch $@
