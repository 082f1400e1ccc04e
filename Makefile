# 'make run' needs only Go. 'make test' also installs, with apt, what it measures us against.
GO ?= go

.DEFAULT_GOAL := help
.PHONY: help run build test test-go lint race fuzz interop bench torture

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: build ## build, and play a whole case in the sandbox; it goes on serving until Ctrl-C
	./bin/knutepunkt sandbox --demo

build: ## build bin/knutepunkt
	CGO_ENABLED=0 $(GO) build -o bin/knutepunkt ./cmd/knutepunkt

test: ## everything: linters, tests with all peers, race detector, fuzzing; ends with the counts
	@./scripts/peers.sh
	$(GO) run ./scripts/suite lint test race fuzz

test-go: ## what needs only Go
	$(GO) test ./...

lint: ## gofmt, go vet, golangci-lint
	$(GO) run ./scripts/suite lint

race: ## the tests of internal/, client/ and cmd/ under the race detector
	$(GO) run ./scripts/suite race

fuzz: ## each fuzz target with a few thousand inputs (FUZZTIME=30s for more)
	$(GO) run ./scripts/suite fuzz

interop: ## only the suites where other people's programs are the judges
	@./scripts/peers.sh
	KNUTEPUNKT_REQUIRE_PEERS=1 $(GO) test -count=1 ./interop/... ./cms ./asice ./internal/pdf ./internal/svarut/print ./internal/fiksio/amqp/...

bench: ## benchmarks against peers; prints ratios
	@for dir in bench/*/; do if [ -f "$$dir/main.go" ]; then echo "== $$dir"; $(GO) run "./$$dir" || exit 1; fi; done

torture: ## kill the platform under load 200 times and prove that nothing is lost (ROUNDS=n)
	$(GO) run ./torture -rounds $(or $(ROUNDS),200)
