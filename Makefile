# Jieli (接力). `make help` lists the targets. A machine needs Go, make and git; everything else is optional.
.DEFAULT_GOAL := help
.PHONY: help build run test sim test-planted hostile fuzz bench bench-match chaos lint verify/generate generate clean

MODULES := contracts events services tests tools
GO      ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# The race detector needs a C compiler.
RACE := $(shell [ "$$($(GO) env CGO_ENABLED)" = 1 ] && command -v "$$($(GO) env CC | cut -d' ' -f1)" >/dev/null 2>&1 && echo -race)

# Every test runs every time (-count=1): the tests of whole processes build the program themselves, which the cache of test
# results does not see, so it would answer for a program that has changed.

# Packages tested at once: more only makes the brokers of the tests wait for each other.
PARALLEL ?= 2

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z\/-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/jieli
	$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/jieli ./tools/jieli

run: build ## start everything in an empty folder with sample data and show live recommendations (ARGS="--lang en")
	bin/jieli demo $(ARGS)

test: ## everything CI tests: vet and tests of all five modules, with the race detector where there is a C compiler
	$(GO) vet work
	@$(if $(RACE),,echo 'no C compiler: testing without the race detector')
	$(GO) run ./tests/run -count=1 -p $(PARALLEL) $(RACE) -timeout 10m work

sim: ## simulate: SEEDS=20000 seeds, or one (SEED=28)
	cd tests && SIM_SEEDS=$(or $(SEEDS),20000) SIM_SEED=$(SEED) $(GO) test -count=1 -timeout 30m -run TestSeeds -v ./sim

test-planted: ## plant every known bug in our own code, one at a time, and fail if a test suite does not notice (ARGS="-sample", "-only grant")
	$(GO) run ./tests/planted $(ARGS)

# How long each fuzz target runs.
FUZZTIME ?= 20s

hostile: ## every bad input at every door (HTTP, NATS, files): counts by class and door, then the corpora of all fuzz targets
	@log=$$(mktemp) && trap 'rm -f "$$log"' EXIT && \
	JIELI_BAD=all $(GO) test -count=1 -v -timeout 30m -run '^(TestBadInput|TestBadInputBySchema|TestBadFiles|TestHostileClientsHarmNobodyElse)$$' ./tests/e2e >"$$log" 2>&1; status=$$?; \
	grep -vE '^ *(=== |--- PASS)' "$$log"; [ $$status = 0 ] || exit $$status
	$(GO) test -count=1 -run '^Fuzz' $$(grep -rl --include='*_test.go' '^func Fuzz' $(MODULES) | xargs -n1 dirname | sort -u | sed 's|^|./|')

fuzz: ## every fuzz target for FUZZTIME (default 20s)
	@grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' $(MODULES) | while IFS=: read -r file line name; do \
		name=$${name#func }; echo "$$name ($$(dirname $$file))"; \
		$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) ./$$(dirname $$file) || exit 1; \
	done

MINUTES ?= 10

chaos: ## strike every part of a running system in turn and count what is lost (MINUTES=10, at most 30; ARGS="-chaos.seed=7 -chaos.report=/tmp/chaos.md"); needs root and redis-server
	cd tests && CI=true $(GO) test -count=1 -v -timeout 40m -run '^TestChaos$$' ./topology -chaos.minutes=$(MINUTES) $(ARGS)

bench: ## measure, and write docs/benchmarks.md (ARGS="-quick", "-only commands")
	cd tests && $(GO) run ./bench $(ARGS)

bench-match: ## measure the matcher's index beside a plain scan (ARGS="-quick", "-rows 100000")
	cd tests && $(GO) run ./benchmatch $(ARGS)

lint: ## formatting, vet, every module by itself, tidy module files, generated files up to date
	@unformatted=$$(gofmt -l $(MODULES)); if [ -n "$$unformatted" ]; then echo "gofmt these files:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet work
	@for m in $(MODULES); do \
		echo "module $$m by itself"; \
		(cd $$m && GOWORK=off $(GO) build ./... && GOWORK=off $(GO) mod tidy -diff) || exit 1; \
	done
	@$(MAKE) --no-print-directory verify/generate

generate: ## write the API description from its routes, and the code lists from their sources (those need npm)
	$(GO) run ./tools/openapi
	@if command -v npm >/dev/null 2>&1; then tools/codegen/generate.sh; else echo 'no npm: code lists not generated'; fi

verify/generate: ## fail if a generated file is not what its source gives (code lists: skipped without npm)
	$(GO) run ./tools/openapi -check
	@if command -v npm >/dev/null 2>&1; then tools/codegen/generate.sh -check; else echo 'no npm: generated code lists not checked'; fi

clean: ## remove what was built
	rm -rf bin
