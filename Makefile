# Each target works alone on a fresh machine with Python 3.11 or newer and make.
#   make demo [PORT=8000] [STATE_DIR=.state]     the whole system with invented people, until Ctrl-C
#   make test [TESTS="tests/unit -k goal"]       the whole suite, or the part named
#   make check                                   all that .ci/run demands
#   make assets                                  compile frontend/ into core/static/core
#   make bench [SIZE=large] [BENCH="--memory 0"] what the four hot pages cost; see benchmarks/README.md
#   make prove [PROVE="--only races"]            the long proofs of access and trail; figures in benchmarks/results
#   make audit-deps                              known weaknesses in dependencies; blocks nothing
.PHONY: demo test bench prove check static-checks check-assets test-with-coverage assets audit-deps setup browser

VENV := .venv/bin
# A file's tests stay together: some files tell one story.
PYTEST := $(VENV)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder
OURS := accounts audit benchmarks cases core crisis_plans reminders sim_casework tests manage.py

demo: setup
	@exec $(VENV)/python manage.py demo

test: setup browser
	$(PYTEST) $(TESTS)

bench: setup
	$(VENV)/python -m benchmarks --size $(or $(SIZE),default) $(BENCH)

prove: setup browser
	$(VENV)/python -m tests.prove $(PROVE)

# Cheapest first; the order holds even under make -j.
check: setup browser
	$(MAKE) static-checks
	$(MAKE) check-assets
	$(MAKE) test-with-coverage

static-checks: setup
	$(VENV)/ruff check $(OURS)
	$(VENV)/ruff format --check $(OURS)
	$(VENV)/mypy
	$(VENV)/lint-imports
	$(VENV)/djlint templates --lint --quiet

check-assets: setup
	.ci/assets --compare

# Measured from each process's first line: Django is loaded before pytest-cov would begin.
# Migrations are held to their rules (none missing, one line, safe) by tests/migrations.
test-with-coverage: setup browser
	$(VENV)/coverage erase
	COVERAGE_PROCESS_START=$(CURDIR)/pyproject.toml $(PYTEST)
	$(VENV)/coverage combine --quiet
	$(VENV)/coverage report

assets: setup
	.ci/assets

audit-deps: setup
	$(VENV)/pip-audit --requirement requirements.lock --require-hashes --disable-pip

setup:
	@.ci/bootstrap

browser: setup
	@.ci/browser
