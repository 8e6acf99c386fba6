//go:build unix

package scaletest

import (
	"fmt"
	"testing"

	"github.com/rs/zerolog"

	"github.com/rdsupgrade/rdsupgrade/internal/awsrds"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

var sizes = []int{500, 1000, 2000}

// dial is the real adapter over the real SDK.
func (w *world) dial() *awsrds.Client {
	w.tb.Helper()
	c, err := awsrds.Dial(w.tb.Context(), awsrds.ScopeConfig{AccountID: account, Region: region, EndpointURL: w.url, Rate: -1})
	if err != nil {
		w.tb.Fatal(err)
	}
	w.tb.Cleanup(c.Close)
	return c
}

// BenchmarkPoll is what one tick reads: all deployments and all instances.
func BenchmarkPoll(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := start(b, setting{databases: n})
			c := w.dial()
			var sum cost
			for b.Loop() {
				sum.add(w.measure(func() {
					if _, err := c.Deployments(b.Context()); err != nil {
						b.Fatal(err)
					}
					list, err := c.Instances(b.Context())
					if err != nil || len(list) < n {
						b.Fatal(len(list), err)
					}
				}))
			}
			sum.tell(b)
		})
	}
}

// BenchmarkSurvey is what status does, in process: for -cpuprofile.
func BenchmarkSurvey(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := start(b, setting{databases: n, groups: 20})
			var sum cost
			for b.Loop() {
				sum.add(w.measure(func() {
					e := fleet.New(w.config(b, w.dial()))
					st, err := e.Survey(b.Context())
					if err != nil || len(st.Databases) != n {
						b.Fatal(len(st.Databases), err)
					}
				}))
			}
			sum.tell(b)
		})
	}
}

// config is what the program gives its engine.
func (w *world) config(tb testing.TB, c *awsrds.Client) fleet.Config {
	tb.Helper()
	p, err := plan.Load(w.dir + "/plan.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	store, err := fleet.ReadStore(w.dir + "/state")
	if err != nil {
		tb.Fatal(err)
	}
	cfg := fleet.Config{Plan: p, Store: store, By: "anna", Log: zerolog.Nop(),
		Scopes: []fleet.Scope{{Account: account, Region: region, Cloud: c, Offers: c, Groups: c, Trail: awsrds.Trail{Client: c}, Around: c, Meter: c}}}
	if a := fleet.NewAccess(p, nil); a != nil {
		cfg.SQL = a
	}
	return cfg
}
