//go:build unix

package scaletest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// BenchmarkStatus is the real program's status: of a campaign that has not
// begun, and of one in the middle.
func BenchmarkStatus(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("before/%d", n), func(b *testing.B) {
			w := start(b, setting{databases: n, groups: 20})
			w.repeat(b, w.at("status"))
		})
	}
	b.Run("middle/1000", func(b *testing.B) {
		w := start(b, setting{databases: 1000, groups: 20, speed: 600, mysql: true,
			run: "{poll: 2s, stable_reads: 2, api_rate: 1000}", wide: "{build: 300, switch: 100}"})
		w.carry(100)
		w.repeat(b, w.at("status"))
	})
}

// BenchmarkPlan is the real program's plan.
func BenchmarkPlan(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := start(b, setting{databases: n, groups: 20})
			w.repeat(b, w.at("plan"))
		})
	}
}

// BenchmarkStart is commands that call nobody: what it takes to begin.
func BenchmarkStart(b *testing.B) {
	production, err := filepath.Abs("../../plans/production.yaml")
	if err != nil {
		b.Fatal(err)
	}
	for name, args := range map[string][]string{"help": {"--help"}, "precheck-help": {"precheck", "--help"}, "validate": {"validate", production}} {
		b.Run(name, func(b *testing.B) {
			w := &world{tb: b, dir: b.TempDir()}
			w.repeat(b, args)
		})
	}
}

// repeat runs a command for the benchmark and tells the mean.
func (w *world) repeat(b *testing.B, args []string) {
	b.Helper()
	var sum cost
	size := 0
	for b.Loop() {
		k, out := w.run(args...)
		sum.add(k)
		size = len(out)
	}
	sum.tell(b)
	b.ReportMetric(float64(size)/1e3, "printed-kB")
}

// carry runs the campaign until so many greens were ready, and
// interrupts it as an operator would.
func (w *world) carry(ready int) {
	w.tb.Helper()
	c := w.command(w.at("run")...)
	var errs bytes.Buffer
	c.Stdout, c.Stderr = io.Discard, &errs
	if err := c.Start(); err != nil {
		w.tb.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			w.tb.Fatalf("the run ended by itself: %v\n%s", err, errs.String())
		case <-look.C:
		}
		if w.greens() >= ready {
			break
		}
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		w.tb.Fatal(err)
	}
	<-ended // 130
	if b, ok := w.tb.(*testing.B); ok {
		u := c.ProcessState.SysUsage().(*syscall.Rusage)
		b.Logf("the run until here: %s of CPU, %.0f MB resident at most", cpuOf(u).Round(100*time.Millisecond), residentOf(u))
	}
}

// greens is how many journal lines tell of a green that is ready.
func (w *world) greens() int {
	w.tb.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "state", "journal.jsonl"))
	if err != nil && !os.IsNotExist(err) {
		w.tb.Fatal(err)
	}
	return bytes.Count(text, []byte(`"to":"ready"`))
}
