package precheck

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestAuditIsBoundedByTheSlowestServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var targets []Target
		for i := range 72 {
			targets = append(targets, Target{ID: fmt.Sprint(i), Address: fmt.Sprintf("db%d:3306", i)})
		}
		begin := time.Now()
		results := audit(t.Context(), targets, AuditOptions{}, func(_ context.Context, x Target, _ ReadOptions) (*Catalog, error) {
			if x.ID == "7" {
				<-time.After(5 * time.Minute)
			} else {
				<-time.After(10 * time.Second)
			}
			return &Catalog{Host: x.Address}, nil
		})
		if took := time.Since(begin); took != 5*time.Minute {
			t.Errorf("72 servers took %s, the slowest one 5m", took)
		}
		for i, r := range results {
			if r.Catalog == nil || r.Catalog.Host != targets[i].Address {
				t.Fatalf("result %d is of another server: %+v", i, r)
			}
		}
		if results[7].Elapsed != 5*time.Minute || results[8].Elapsed != 10*time.Second {
			t.Errorf("elapsed %s and %s", results[7].Elapsed, results[8].Elapsed)
		}
	})
}

func TestAuditKeepsItsLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var targets []Target
		for i := range 40 {
			// Every fourth target is a second name of the same server.
			targets = append(targets, Target{ID: fmt.Sprint(i), Address: fmt.Sprintf("db%d:3306", i/4)})
		}
		var mu sync.Mutex
		running, most, onServer := 0, 0, map[string]int{}
		told := 0
		results := audit(t.Context(), targets, AuditOptions{Servers: 3, Drop: true, Done: func(r AuditResult) {
			told++
			if (r.Err == nil) != (r.Catalog != nil) {
				t.Errorf("%s: told %+v", r.Target.ID, r)
			}
		}}, func(_ context.Context, x Target, _ ReadOptions) (*Catalog, error) {
			mu.Lock()
			running++
			most = max(most, running)
			onServer[x.Address]++
			if onServer[x.Address] > 1 {
				t.Errorf("%s is read twice at the same time", x.Address)
			}
			mu.Unlock()
			<-time.After(time.Second)
			mu.Lock()
			defer mu.Unlock()
			running--
			onServer[x.Address]--
			if x.ID == "5" {
				return nil, errors.New("down")
			}
			return &Catalog{}, nil
		})
		if most != 3 || told != 40 {
			t.Errorf("%d servers at the same time, %d told", most, told)
		}
		for _, r := range results {
			if r.Catalog != nil {
				t.Fatal("a catalog was kept that should be dropped")
			}
		}
		if results[5].Err == nil || results[6].Err != nil {
			t.Errorf("errors: %v, %v", results[5].Err, results[6].Err)
		}
	})
}
