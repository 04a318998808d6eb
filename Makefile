# make run     builds the distribution and backfills the sample store, or MLFLOW_TRACKING_URI=… EXPERIMENT=… of yours
# make test    everything that must hold, end-to-end tests against real MLflow servers included
# make kafka   the distribution with Apache Kafka, for config/kafka-*.yaml
# make faults  kills, stops, blips and a soak in their long form, under an hour; FAULTS_SOAK=2m … make it shorter
MAKEFLAGS += --no-print-directory
export GOFLAGS := -buildvcs=false
export CGO_ENABLED ?= 0

SOURCES := $(shell git ls-files '*.go' '*go.mod' '*go.sum' 2>/dev/null || find . -name '*.go')

# The variables that are written on the make command line: make run takes nothing else from the environment.
WRITTEN := $(foreach v,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $v))),$v))

.PHONY: build minimal kafka run written check test test-unit test-race test-rest lint modules manifests cross release \
	generate e2e compat faults scale bench bench-tokens bench-backfill bench-growth bench-databricks bench-delivered bench-answers \
	bench-tail bench-short clean
build: dist/otelcol-mlflow dist/quickstart
minimal: dist/minimal/otelcol-mlflow-minimal

# The default distribution with Apache Kafka, and its size.
kafka: dist/kafka/otelcol-mlflow-kafka
	@wc -c $< | awk '{ printf "%s: %.1f MB\n", $$2, $$1 / 1e6 }'

dist/otelcol-mlflow: $(SOURCES) builder-config.yaml
	go tool builder --config builder-config.yaml

dist/minimal/otelcol-mlflow-minimal: $(SOURCES) builder-config.minimal.yaml
	mkdir -p dist
	go tool builder --config builder-config.minimal.yaml

dist/kafka/otelcol-mlflow-kafka: $(SOURCES) builder-config.kafka.yaml
	mkdir -p dist
	go tool builder --config builder-config.kafka.yaml

run: export RUN_WRITTEN = $(WRITTEN)
$(foreach v,$(WRITTEN),$(eval run: export RUN_$v = $$(value $v)))
run: written build
	@dist/quickstart

# Tells a mistake before a build that takes minutes.
written: dist/quickstart
	@dist/quickstart --check

dist/quickstart: $(SOURCES)
	@mkdir -p dist
	@go build -o $@ ./cmd/quickstart

check: lint modules manifests
	scripts/versions.sh
	scripts/dockerfile.sh
	scripts/words.sh
	scripts/generated.sh

# The linters have modules of their own. The first run compiles them.
lint:
	scripts/lint.sh

# Nested modules: tidy, built, vetted.
modules:
	scripts/modules.sh

# Manifests for Kubernetes, against pinned types. No cluster is needed.
manifests:
	go test -C deploy/kubernetes ./...

# Vets and builds for the targets that no test runs on: what one of them lacks must not be found by its users.
cross:
	for target in windows/amd64 linux/arm64; do \
		GOOS=$${target%/*} GOARCH=$${target#*/} go vet ./... && \
		GOOS=$${target%/*} GOARCH=$${target#*/} go build ./... || exit 1; \
	done

# Archives, SBOMs and checksums in build/release: TARGETS=linux/amd64 for one of the six.
TARGETS ?=
release:
	scripts/release.sh $(TARGETS)

generate:
	go generate ./...
	go -C extension/mlflowverifyextension generate ./...
	go mod tidy

test-unit:
	go test ./...
	go test -C extension/mlflowverifyextension ./...

# The race detector needs a C compiler. CI requires one; elsewhere its absence is said.
test-race:
	@scripts/race.sh

# The tests that test-race does not run.
test-rest:
	@scripts/race.sh rest

# Prints the seconds of each step. Steps in quotes run side by side.
test:
	@scripts/steps.sh check test-race test-rest build minimal kafka bench-short e2e

e2e: build minimal kafka
	go test -C test -count=1 -timeout 40m ./...

# Builds collectors that are not part of this repository, with an empty module cache, runs the tests of the newest
# MLflow, of which make test has the one before, and plays what may be missed with those that can tell less.
compat: build minimal kafka
	go test -C test -count=1 -timeout 40m -v -run TestBuild ./foreign -args -empty-module-cache
	OTELCOL_MLFLOW_TEST_VERSION=3.18.0 go test -C test -count=1 -timeout 40m \
		-run 'TestFaithful$$/database|TestSameByRESTAndSQLite/generated$$|TestMakeRunServer/3.18|TestCostAgainstMLflow' ./e2e
	OTELCOL_MLFLOW_TEST_VERSION=3.18.0 go test -C test -count=1 -timeout 40m ./views
	for version in 2.22.5 3.4.0 3.18.0; do \
		OTELCOL_MLFLOW_TEST_VERSION=$$version go test -C test -count=1 -timeout 40m \
			-run TestSameByRESTAndDatabase ./e2e || exit 1; \
	done
	for version in 3.4.0 3.6.0 3.18.0; do \
		OTELCOL_MLFLOW_TEST_VERSION=$$version go test -C test -count=1 -timeout 40m \
			-run TestNothingIsMissedInSilence/$$version ./e2e || exit 1; \
	done

# The long forms of test/faults, test/week and test/hostile. The steps of the first run side by side: they mostly wait.
# Seed 0 takes one from the clock; the seed is printed.
FAULTS_KILLS ?= 200
FAULTS_TRACES ?= 20000
FAULTS_STOPS ?= 50
FAULTS_BLIPS ?= 1
FAULTS_SOAK ?= 20m
FAULTS_STEPS ?= 4000
FAULTS_SEED ?= 0
faults: build
	go test -C test -count=1 -timeout 90m -v -run '^Test(Kills|Stops|Blips|Soak|LiveSoak)$$' ./faults -args \
		-kills=$(FAULTS_KILLS) -traces=$(FAULTS_TRACES) -stops=$(FAULTS_STOPS) -blips=$(FAULTS_BLIPS) \
		-soak=$(FAULTS_SOAK) -seed=$(FAULTS_SEED)
	go test -C test -count=1 -timeout 40m -v ./week -args -steps=$(FAULTS_STEPS) -kills=$$(($(FAULTS_STEPS) / 50)) \
		-seed=$(FAULTS_SEED)
	go test -C test -count=1 -timeout 30m -v ./hostile -args -full

# A topic under kills, blips, a frozen consumer, another number of shards and a large trace, and its speed with
# SCALE_MANY traces. Twenty minutes and 6 GB of disk; seed 0 takes a seed from the clock.
SCALE_KILLS ?= 50
SCALE_TRACES ?= 20000
SCALE_MANY ?= 200000
SCALE_SEED ?= 0
scale: kafka
	go test -C test -count=1 -timeout 75m -v -run '^TestScale$$' ./kafka -args -kills=$(SCALE_KILLS) \
		-traces=$(SCALE_TRACES) -many=$(SCALE_MANY) -seed=$(SCALE_SEED)

bench: bench-tokens bench-backfill bench-growth bench-databricks bench-delivered bench-answers bench-tail

bench-tokens:
	bench/tokens/run.sh

bench-backfill: build
	bench/backfill/run.sh

bench-growth: build
	bench/backfill/growth.sh

bench-databricks:
	bench/databricks/run.sh

bench-delivered:
	bench/delivered/run.sh

bench-answers:
	bench/answers/run.sh

bench-tail: build
	bench/tail/run.sh

# Shows that each benchmark works; its figures mean nothing.
bench-short: build
	bench/tokens/run.sh --short
	bench/backfill/run.sh --short
	bench/backfill/growth.sh --short
	bench/databricks/run.sh --short
	bench/delivered/run.sh --short
	bench/answers/run.sh --short
	bench/tail/run.sh --short

clean:
	rm -rf dist build
