# Two commands do all the set-up on a fresh machine: make demo, make test.
GO ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.version=$(VERSION)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: soak soak-properties soak-weather soak-kills soak-lab soak-fuzz build demo lab test test-race servers bench lint recordings clean

build:
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/rdsupgrade ./cmd/rdssim

# The main job on the simulated RDS; reports are in out/.
demo: build
	./scripts/demo.sh

# The same on real MySQL servers, old and new, with a load that never stops
# and counts its writes afterwards (docs/lab.md).
lab: build
	$(GO) build -o bin/ ./cmd/rdslab
	bin/rdslab

# Everything, against real MySQL servers that are brought up here and stopped
# at the end: MySQL 5.7 and a newer one, from RDSUPGRADE_TEST_MYSQL57 and
# RDSUPGRADE_TEST_MYSQL9, from Docker, or fetched (docs/testing.md).
test: servers
	$(GO) vet ./...
	@$(GO) test -timeout 15m -parallel 4 ./... ; code=$$? ; $(GO) run ./internal/mysqltest/cmd/mysqltest down ; exit $$code

# The packages with goroutines of their own, under the race detector.
test-race: servers
	$(GO) test -race -timeout 15m ./pkg/fleet/... ./pkg/precheck/... ./internal/awsrds/... ./internal/rdssim/... ./internal/enginetest/...

servers:
	$(GO) run ./internal/mysqltest/cmd/mysqltest up

bench: servers
	$(GO) test -run '^$$' -bench . -benchmem ./...

lint:
	test -z "$$(gofmt -l .)"
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

# What the simulated databases answer, recorded anew from real servers.
recordings: servers
	$(GO) run ./internal/mysqltest/cmd/record

clean:
	-$(GO) run ./internal/mysqltest/cmd/mysqltest down
	rm -rf bin out .rdsupgrade .cache

# The long forms of tests that CI runs shorter, with the same code
# (docs/testing.md says how long each takes, and how to run one alone).
soak: soak-properties soak-weather soak-kills soak-lab soak-fuzz

soak-properties:
	RDSUPGRADE_SOAK_FACTS=1000000 $(GO) test -timeout 30m -v -run 'TestAbsurdFacts|TestRandomSchedules' ./pkg/bluegreen ./pkg/fleet
	RDSUPGRADE_SOAK_STEPS=100000 $(GO) test -timeout 60m -v -run 'TestInvariants' ./internal/simcloud
	RDSUPGRADE_SOAK_BACK=200 $(GO) test -timeout 60m -run 'TestGoingBackInvariants' ./internal/enginetest

soak-weather:
	RDSUPGRADE_SOAK_WEATHER=5 $(GO) test -timeout 120m -v -run 'TestSameEndInAnyWeather' ./internal/enginetest

soak-kills:
	RDSUPGRADE_SOAK_KILLS=500 $(GO) test -timeout 120m -v -run 'TestKilledAtRandomMoments' ./internal/crashtest

soak-lab:
	RDSUPGRADE_SOAK_KILLS=50 $(GO) test -timeout 60m -v -run 'TestKilled' ./internal/lab

FUZZTIME ?= 2m
soak-fuzz:
	$(GO) test -run '^$$' -fuzz FuzzAnswer -fuzztime $(FUZZTIME) -fuzzminimizetime 1x ./internal/awsrds
	$(GO) test -run '^$$' -fuzz FuzzRequest -fuzztime $(FUZZTIME) -fuzzminimizetime 1x ./internal/rdssim
	$(GO) test -run '^$$' -fuzz FuzzDecode -fuzztime $(FUZZTIME) ./pkg/fleet/plan
	$(GO) test -run '^$$' -fuzz 'FuzzRead$$' -fuzztime $(FUZZTIME) ./pkg/fleet/journal
	$(GO) test -run '^$$' -fuzz FuzzReadJournal -fuzztime $(FUZZTIME) ./pkg/fleet/journal
	$(GO) test -run '^$$' -fuzz FuzzLease -fuzztime $(FUZZTIME) ./pkg/fleet/journal
