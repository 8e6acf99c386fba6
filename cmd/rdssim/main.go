// Command rdssim serves a simulated Amazon RDS for MySQL: for practice, for
// demonstrations, and for any client that speaks the RDS API.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/simserver"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := simserver.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
