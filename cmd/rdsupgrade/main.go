// Command rdsupgrade carries a fleet of Amazon RDS for MySQL databases to a new
// major version by blue/green deployments, in waves, with a way back.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	hard, cancel := context.WithCancel(context.Background())
	soft, stop := context.WithCancel(hard)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		os.Stderr.WriteString("\ninterrupted: finishing what is in flight; interrupt again to stop at once\n")
		stop()
		<-signals
		cancel()
		os.Exit(exitInterrupted)
	}()
	os.Exit(Run(hard, soft, os.Args, streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}
