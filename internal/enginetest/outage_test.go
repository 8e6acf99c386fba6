package enginetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// TestCredentialsExpireMidRun: the run stops at once with the reason, the state
// is whole, and with new credentials the campaign goes on with nothing twice.
func TestCredentialsExpireMidRun(t *testing.T) {
	for _, from := range []string{"5m", "40m", "55m"} {
		t.Run(from, func(t *testing.T) {
			inTime(t, func(t *testing.T) {
				l := newLab(t, fleetOf(8, ""), planOf(), "faults: [{kind: expired-credentials, from: "+from+", for: 30m}]")
				began := time.Now()
				expires, err := time.ParseDuration(from)
				if err != nil {
					t.Fatal(err)
				}
				err = l.runWith(func(fleet.Status) bool { return false })
				var f *bluegreen.Fault
				if !errors.As(err, &f) || f.Code != "ExpiredToken" || f.Consequence != bluegreen.Fatal || !strings.Contains(err.Error(), "log in again") {
					t.Fatalf("run: %v", err)
				}
				if d := time.Since(began); d < expires || d > expires+2*time.Minute {
					t.Errorf("it stopped after %s", d)
				}
				if _, err := journal.Verify(journalPath(l.dir)); err != nil {
					t.Error(err)
				}
				time.Sleep(35 * time.Minute)
				l.run()
				l.expectAll("done")
				l.expectOnce()
			})
		})
	}
}

// skewed is a machine's clock that is wrong.
type skewed struct {
	fleet.WallClock
	by time.Duration
}

func (c skewed) Now() time.Time { return time.Now().Add(c.by) }

// TestClockSkew: a clock that is wrong by more than AWS's signatures allow,
// which the SDK makes good, changes nothing of what is found out and how it ends.
func TestClockSkew(t *testing.T) {
	for _, by := range []time.Duration{-25 * time.Minute, 25 * time.Minute} {
		t.Run(by.String(), func(t *testing.T) {
			inTime(t, func(t *testing.T) {
				l := newLab(t, fleetOf(9, ""), planOf(), "faults: [{kind: switchover-timeout, database: db-0001, count: 1}, {kind: precheck-failure, database: db-0003, count: 1, reason: oldTemporalCheck}]")
				l.clock, l.now = skewed{by: by}, skewed{by: by}.Now
				l.run()
				l.expectAll("done", "db-0003")
				l.expectHistory("db-0001", "exceeded its timeout")
				l.expect("db-0003", "failed")
				l.expectReason("db-0003", "oldTemporalCheck")
				for _, d := range l.last.Databases {
					if d.Stage == "done" && d.Binlog == "" {
						t.Errorf("%s: the position of the switchover was not found", d.ID)
					}
				}
			})
		})
	}
}

// TestRegionDownMidRun: a Region that answers nothing but errors for hours
// stops what is in it, and the wave that it belongs to; the other Region's
// greens go on being built, and in the end everything is done once.
func TestRegionDownMidRun(t *testing.T) {
	inTime(t, func(t *testing.T) {
		const other = "us-east-1"
		text := strings.ReplaceAll(fleetOf(10, ""), "regions: ["+region+"]", "regions: ["+region+", "+other+"]")
		for _, id := range []string{"db-0001", "db-0004", "db-0005"} {
			text = strings.Replace(text, "{id: "+id+", account: \""+account+"\", region: "+region, "{id: "+id+", account: \""+account+"\", region: "+other, 1)
		}
		l := newLab(t, text, planOf("regions: ["+region+"]", "regions: ["+region+", "+other+"]"), "faults: [{kind: server-error, region: "+other+", from: 20m, for: 3h}]")
		l.regions = []string{region, other}
		began, unread, switched := time.Now(), 0, 0
		if err := l.runWith(func(st fleet.Status) bool {
			for _, d := range st.Databases {
				if d.Region == other && d.Stage == string(bluegreen.Unobservable) {
					unread++
				}
			}
			down := time.Since(began) > 25*time.Minute && time.Since(began) < 3*time.Hour+20*time.Minute
			if n := l.sim.Calls("SwitchoverBlueGreenDeployment"); down && n != switched {
				t.Errorf("a switchover while a Region of its wave cannot be read, after %s", time.Since(began))
				switched = n
			} else if !down {
				switched = n
			}
			return false
		}); err != nil {
			t.Fatal(err)
		}
		l.expectAll("done")
		l.expectOnce()
		if unread == 0 {
			t.Error("the Region was never seen to be down")
		}
	})
}
