// Package soak is what the long forms of tests have in common: how much they
// take on, where chance begins, and what is kept of a failure (docs/testing.md).
package soak

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Number is what an environment variable says, short where it is not set. What
// is no number fails the test.
func Number(t testing.TB, variable string, short int) int {
	t.Helper()
	s := os.Getenv(variable)
	if s == "" {
		return short
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// Seed is RDSUPGRADE_SOAK_SEED, or another one each time.
func Seed(t testing.TB) uint64 {
	t.Helper()
	return uint64(Number(t, "RDSUPGRADE_SOAK_SEED", int(time.Now().UnixNano())))
}

// Keep saves a failed test's journal where RDSUPGRADE_SOAK_KEEP names a
// directory, under the test's name and what is added to it.
func Keep(t testing.TB, journal, suffix string) {
	t.Helper()
	dir := os.Getenv("RDSUPGRADE_SOAK_KEEP")
	if dir == "" {
		return
	}
	text, err := os.ReadFile(journal)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "_")+suffix+".jsonl"), text, 0o600)
	}
	if err != nil {
		t.Log(err)
	}
}
