# Two commands do all the set-up on a fresh machine: make demo, make test.
GO ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: build demo test bench lint clean
build:
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/rdsupgrade ./cmd/rdssim

# The main job on the simulated RDS; reports are in out/.
demo: build
	./scripts/demo.sh
