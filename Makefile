# Everything goes through go.py, which needs Python 3.11 or later and nothing else.
PYTHON ?= python3

.PHONY: ask test slow check format notes clean

ask:   ; $(PYTHON) go.py ask "最近总睡不着，一躺下就想工作的事"
test:  ; $(PYTHON) go.py test
slow:  ; $(PYTHON) go.py slow
check: test slow
format:
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .
notes:
	.venv/bin/cbtguard lab notes lint
	.venv/bin/cbtguard lab notes index
clean: ; rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
