package precheck

import (
	"context"
	"sync"
	"time"
)

// AuditOptions bound an audit of many servers.
type AuditOptions struct {
	// Read bounds the read of each server.
	Read ReadOptions
	// Servers are read at the same time at most; default 100. An audit takes
	// as long as its slowest server when it has no more servers than that.
	Servers int
	// Done is told of each server as soon as it is read, one call at a time.
	Done func(AuditResult)
	// Drop forgets each catalog after Done was told, so that a large fleet is
	// judged in the memory of a few servers.
	Drop bool
}

// AuditResult is one server's outcome: a catalog or an error, never both.
type AuditResult struct {
	Target  Target
	Catalog *Catalog
	Err     error
	Elapsed time.Duration
}

const defaultServers = 100

// Audit reads many servers concurrently. Results stand in the order of the
// targets; one server's failure leaves the others alone. Targets with the same
// address are read one after another, so that no server ever gets more than
// ReadOptions.Connections connections from an audit.
func Audit(ctx context.Context, targets []Target, o AuditOptions) []AuditResult {
	return audit(ctx, targets, o, Read)
}

type readFunc func(context.Context, Target, ReadOptions) (*Catalog, error)

func audit(ctx context.Context, targets []Target, o AuditOptions, readOne readFunc) []AuditResult {
	if o.Servers <= 0 {
		o.Servers = defaultServers
	}
	read := o.Read.withDefaults()
	byAddress := map[string][]int{}
	var order []string
	for i, t := range targets {
		if byAddress[t.Address] == nil {
			order = append(order, t.Address)
		}
		byAddress[t.Address] = append(byAddress[t.Address], i)
	}
	results := make([]AuditResult, len(targets))
	var wg sync.WaitGroup
	var told sync.Mutex
	slots := make(chan struct{}, o.Servers)
	for _, address := range order {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			for _, i := range byAddress[address] {
				begin := read.Now()
				c, err := readOne(ctx, targets[i], o.Read)
				results[i] = AuditResult{Target: targets[i], Catalog: c, Err: err, Elapsed: read.Now().Sub(begin)}
				if o.Done != nil {
					told.Lock()
					o.Done(results[i])
					told.Unlock()
				}
				if o.Drop {
					results[i].Catalog = nil
				}
			}
		})
	}
	wg.Wait()
	return results
}
