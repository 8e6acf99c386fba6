// Command mysqltest starts and stops the shared MySQL servers of the tests.
//
//	go run ./internal/mysqltest/cmd/mysqltest up|down|status|env
//	go run ./internal/mysqltest/cmd/mysqltest run old|new [mysqld arguments]
//
// up starts both and leaves them running; env prints the variables that let
// another program find them; down stops what up or a test has started; run
// starts a server of its own and stops it when interrupted.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqltest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mysqltest:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 1 && args[0] == "run" {
		return foreground(ctx, mysqltest.Side(args[1]), args[2:], out)
	}
	if len(args) != 1 {
		return fmt.Errorf("say one of up, down, status, env, run")
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Minute)
	defer cancel()
	switch args[0] {
	case "up":
		for _, side := range []mysqltest.Side{mysqltest.SideOld, mysqltest.SideNew} {
			begin := time.Now()
			s, err := mysqltest.Up(ctx, side)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "%s: MySQL %s at %s by way of %s (%.1f s)\n", side, s.Version, s.Addr, s.Way, time.Since(begin).Seconds())
		}
		return nil
	case "down":
		return mysqltest.Down(ctx)
	case "status":
		servers, err := mysqltest.Status(ctx)
		if err != nil {
			return err
		}
		if len(servers) == 0 {
			fmt.Fprintln(out, "no shared server is running")
		}
		for _, s := range servers {
			fmt.Fprintf(out, "%s: MySQL %s at %s by way of %s\n", s.Side, s.Version, s.Addr, s.Way)
		}
		return nil
	case "env":
		servers, err := mysqltest.Status(ctx)
		if err != nil {
			return err
		}
		for _, s := range servers {
			fmt.Fprintf(out, "export %s='%s'\n", mysqltest.AddressVariable(s.Side), s.DSN(""))
		}
		return nil
	}
	return fmt.Errorf("%q is none of up, down, status, env, run", args[0])
}

func foreground(ctx context.Context, side mysqltest.Side, args []string, out io.Writer) error {
	if side != mysqltest.SideOld && side != mysqltest.SideNew {
		return fmt.Errorf("%q is neither old nor new", side)
	}
	s, err := mysqltest.StartPrivate(ctx, side, mysqltest.Options{Args: args})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: MySQL %s at %s by way of %s\n%s\n", side, s.Version, s.Addr, s.Way, s.DSN(""))
	<-ctx.Done()
	end, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return s.Stop(end)
}
