# The thin face of `pdd`. `make` alone prints this help.
# GNU make 4.3 or later; Python 3.11 or later as python3 (or PYTHON=...).

PYTHON  ?= python3
STUDIES := $(sort $(patsubst analyses/%/protocol.yaml,%,$(wildcard analyses/*/protocol.yaml)))
STUDY   ?= $(STUDIES)
ENGINE  ?= auto
VENV    := .venv
READY   := $(VENV)/.ready
SPARK   ?= yes
ENGINES := $(if $(filter yes,$(SPARK)),$(VENV)/.ready-spark)
PDD     := $(VENV)/bin/pdd
CODE    := $(shell find src -name '*.py' 2>/dev/null)
PAGES   := $(wildcard reports/*.qmd reports/*.css reports/*.yml)
SITE    := reports/_site

.DEFAULT_GOAL := help
.PHONY: help setup check check-data plan run report test lint bench clean

help: ## Say what there is to make
	@echo "make TARGET [STUDY=name] [ENGINE=auto|quarto|embedded]"; echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  %-12s %s\n", $$1, $$2}'
	@echo; echo "Studies: $(STUDIES)"

setup: $(READY) ## Make the environment in .venv from the pinned, hashed requirements

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed; try make PYTHON=python3.12" >&2; exit 2; }
	@echo "Setting up .venv (about a minute, once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Spark is 430 MB and only its own tests need it: nothing but `make test` asks for it.
$(VENV)/.ready-spark: requirements-spark.lock $(READY)
	@echo "Adding Spark for the tests that run on it (make test SPARK=no leaves it, and them, out) ..."
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-build-isolation \
	  -r requirements-spark.lock
	@touch $@

check: $(READY) ## Check the protocol and its cases (STUDY=name)
	@set -e; for s in $(STUDY); do $(PDD) check $$s; done

check-data: $(READY) ## Check the data against the contract (STUDY=name)
	@set -e; for s in $(STUDY); do $(PDD) data $$s; done

plan: $(READY) ## Print the statistical analysis plan (STUDY=name)
	@set -e; for s in $(STUDY); do $(PDD) plan $$s; done

run: $(foreach s,$(STUDY),build/$(s)/release/manifest.json) ## Run every stage up to the released findings (STUDY=name)

report: $(foreach s,$(STUDY),$(SITE)/$(s).html) ## Run the line and render the report of each study (STUDY=name)
	@$(PDD) report --index-only >/dev/null
	@for s in $(STUDY); do echo "Report: $(SITE)/$$s.html"; done; echo "Index:  $(SITE)/index.html"

test: $(READY) $(ENGINES) ## Run the tests (SPARK=no: without those that run on Spark)
	@$(VENV)/bin/python -m pytest -q -n auto --dist loadfile

lint: $(READY) ## Style, types and import contracts
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/mypy && $(VENV)/bin/lint-imports

bench: $(READY) ## Time and memory of the kernels beside a peer
	@set -e; for b in benchmarks/bench_*.py; do echo "== $$b"; $(VENV)/bin/python $$b; done

clean: ## Remove what a run made (the environment stays; remove .venv by hand)
	rm -rf build $(SITE)

# One chain of rules a study. A stage's .stamp says that it ran; its manifest.json keeps its time stamp when its
# content is the same, and the next stage depends on the manifest: a comment in a protocol re-runs one stage and stops.
# Data in a folder that the protocol names are inputs of the first stage, so that a new extract is seen.
# `pdd` writes whole files only, so make need not delete what a failed step leaves. The page of a study that a gate
# stopped is there to be read, and is dated long ago, so that the next make stops there too.
define LINE
DATA_$(1) := $$(wildcard $$(addsuffix /*,$$(shell sed -n 's/^ *source: *"\{0,1\}folder:\([^"#]*\).*/\1/p' analyses/$(1)/protocol.yaml)))
build/$(1)/protocol/.stamp: analyses/$(1)/protocol.yaml $$(CODE) | $$(READY)
	@$$(PDD) stage protocol $(1)
build/$(1)/raw/.stamp: build/$(1)/protocol/manifest.json $$(DATA_$(1))
build/$(1)/extract/.stamp: build/$(1)/raw/manifest.json
build/$(1)/cohort/.stamp: build/$(1)/extract/manifest.json
build/$(1)/design/.stamp: build/$(1)/cohort/manifest.json
build/$(1)/outcomes/.stamp: build/$(1)/design/manifest.json
build/$(1)/estimates/.stamp: build/$(1)/outcomes/manifest.json
build/$(1)/evidence/.stamp: build/$(1)/estimates/manifest.json $$(wildcard analyses/$(1)/*.csv)
build/$(1)/release/.stamp: build/$(1)/evidence/manifest.json
$(foreach t,raw extract cohort design outcomes estimates evidence release,
build/$(1)/$(t)/.stamp: $$(CODE) | $$(READY)
	@$$(PDD) stage $(t) $(1)
)
$(foreach t,protocol raw extract cohort design outcomes estimates evidence release,
build/$(1)/$(t)/manifest.json: build/$(1)/$(t)/.stamp ;@:
)
$(SITE)/$(1).html: build/$(1)/release/manifest.json $$(PAGES) $$(CODE)
	@$$(PDD) report $(1) --engine $$(ENGINE) >/dev/null \
	  || { code=$$$$?; test $$$$code != 5 || touch -t 197001020000 $$@; exit $$$$code; }
endef
$(foreach s,$(STUDIES),$(eval $(call LINE,$(s))))
