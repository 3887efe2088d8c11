# `make setup`, then any of the others. They need uv (`pip install uv`).
.PHONY: setup test lint lint-web docs bench

setup:  ## the environment in .venv, and the checks of .pre-commit-config.yaml before each commit
	uv sync
	uvx pre-commit install

test:  ## the fast tests; ARGS="tests/data -k cache" for some of them
	uv run pytest $(ARGS)

lint:  ## style and types
	uv run ruff check .
	uv run ruff format --check .
	bash .ci/types

lint-web:  ## the scripts of pages; needs node and its package registry
	npx --yes eslint@10 -c util/web_files/eslint.config.mjs util/web_files inference/exporting/web_files

docs:  ## docs/options.md, docs/commands.md, the files shown in docs/plugins.md, and the site in build/site
	uv run python docs/options_page.py
	uv run python docs/commands_page.py
	uv run python docs/plugins_page.py
	bash .ci/docs

bench:  ## measurements; ARGS="--reference DIR" beside a checkout of the reference
	uv run python -m benchmarks $(ARGS)
