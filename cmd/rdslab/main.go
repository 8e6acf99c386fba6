// Command rdslab tells the story of one upgrade on real MySQL servers: rdsupgrade
// carries a database from 5.7 to the newest release while a load writes to it.
//
//	rdslab [--program bin/rdsupgrade] [--dir out/lab] [--rate 200] [--dark 2.5s]
//
// Exit codes: 0 every acknowledged write is there once and the newer server
// answers; 1 something was lost; 2 the lab could not be run; 64 wrong usage.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s := lab.Story{Out: stdout, Before: 3 * time.Second, After: 5 * time.Second}
	fs := flag.NewFlagSet("rdslab", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&s.Program, "program", "bin/rdsupgrade", "rdsupgrade's `binary`")
	fs.StringVar(&s.Dir, "dir", "out/lab", "`directory` for plan, state and logs; made anew")
	fs.IntVar(&s.Rate, "rate", 200, "writes a second")
	fs.DurationVar(&s.Dark, "dark", 2500*time.Millisecond, "least time that a switchover takes")
	if err := fs.Parse(args); err != nil || fs.NArg() > 0 || s.Rate < 1 {
		return 64
	}
	r, err := s.Tell(ctx)
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "rdslab:", err)
		return 2
	case !r.Good():
		fmt.Fprintln(stderr, "rdslab: the story did not end well")
		return 1
	}
	return 0
}
