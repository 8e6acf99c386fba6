package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// Checker is an SQL that can look at blue and green at length, ahead of a
// switchover: what takes longer than a gate may.
type Checker interface {
	// WantedChecks are the names of those that the plan asks for, in their order, and
	// how long a finished one counts.
	WantedChecks() []WantedCheck
	// Check does one turn of a check. Its error means that this turn could not
	// be done, for reasons that may pass.
	Check(ctx context.Context, name string, blue, green Endpoint, turn checkTurn) (checkOutcome, error)
}

// WantedCheck is a check that the plan asks for.
type WantedCheck struct {
	Name  string
	Valid time.Duration
}

// checkTurn is one turn of a check, and where it goes on from.
type checkTurn struct {
	until time.Time // when it should end
	// load reads what the turn before left, save keeps what this one reached:
	// now, or when there is time.
	load func(into any) error
	save func(from any, now bool) error
	// clear makes the next one begin anew.
	clear func() error
}

// checkOutcome is what a turn came to. Gate is nil while it is not finished.
type checkOutcome struct {
	Gate     *bluegreen.Gate
	Progress string // for people
	Data     any    // in full, for the journal
}

// WantedChecks implements Checker.
func (a *Access) WantedChecks() []WantedCheck {
	var out []WantedCheck
	want := a.Plan.Switchover.Ahead
	if want.Compare.Enabled {
		out = append(out, WantedCheck{bluegreen.GateNameData, want.Compare.Valid})
	}
	if want.Explain.Enabled {
		out = append(out, WantedCheck{bluegreen.GateNamePlans, want.Explain.Valid})
	}
	if want.Warm.Enabled {
		out = append(out, WantedCheck{bluegreen.GateNameWarm, want.Warm.Valid})
	}
	return out
}

// Check implements Checker.
func (a *Access) Check(ctx context.Context, name string, blueAt, greenAt Endpoint, turn checkTurn) (checkOutcome, error) {
	blue, green, err := a.dialBoth(ctx, blueAt, greenAt)
	if err != nil {
		return checkOutcome{}, err
	}
	defer blue.close()
	defer green.close()
	switch name {
	case bluegreen.GateNameData:
		return a.comparison(ctx, blue, green, WallClock{}, turn)
	case bluegreen.GateNamePlans:
		return a.explaining(ctx, blue, green)
	case bluegreen.GateNameWarm:
		return a.warming(ctx, blue, green, WallClock{}, turn)
	}
	return checkOutcome{}, fmt.Errorf("there is no check %q", name)
}

// saveEvery is how much work a killed process may have to do again.
const saveEvery = 2 * time.Second

// turnOf is a turn whose progress is kept in the store. Progress of another
// green is no progress.
func (s *Store) turnOf(key, check, green string, clock Clock, length time.Duration) checkTurn {
	path := ""
	if s.Dir != "" {
		path = filepath.Join(s.Dir, "checks", strings.ReplaceAll(key+"_"+check, "/", "_")+".json")
		path = strings.ReplaceAll(path, " ", "-")
	}
	var saved time.Time
	return checkTurn{
		until: clock.Now().Add(length),
		load: func(into any) error {
			return loadProgress(path, green, into)
		},
		save: func(from any, now bool) error {
			if !now && clock.Now().Sub(saved) < saveEvery {
				return nil
			}
			saved = clock.Now()
			return saveProgress(path, green, from)
		},
		clear: func() error { return clearProgress(path) },
	}
}

// savedProgress is the file's form.
type savedProgress struct {
	Green string          `json:"green"`
	State json.RawMessage `json:"state"`
}

// loadProgress reads what was saved for the same green. A file that cannot be
// understood is one of another version, or half: the check begins anew.
func loadProgress(path, green string, into any) error {
	if path == "" {
		return nil
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read a check's progress: %w", err)
	}
	var p savedProgress
	if json.Unmarshal(b, &p) != nil || p.Green != green {
		return nil
	}
	if json.Unmarshal(p.State, into) != nil {
		return clearProgress(path)
	}
	return nil
}

func saveProgress(path, green string, from any) error {
	if path == "" {
		return nil
	}
	state, err := json.Marshal(from)
	if err == nil {
		state, err = json.Marshal(savedProgress{green, state})
	}
	if err != nil {
		return fmt.Errorf("encode a check's progress: %w", err)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the directory of checks: %w", err)
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return fmt.Errorf("save a check's progress: %w", err)
	}
	_, err = f.Write(state)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("save a check's progress: %w", err)
	}
	return nil
}

// clearProgress makes a check begin anew.
func clearProgress(path string) error {
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("clear a check's progress: %w", err)
	}
	return nil
}

// CheckNow does a whole check outside of a campaign: turn after turn of the
// given length, each from what the one before has written down. tell, if
// given, hears how far it is after each.
func CheckNow(ctx context.Context, c Checker, name string, blue, green Endpoint, length time.Duration, tell func(progress string)) (bluegreen.Gate, any, error) {
	var saved []byte
	for {
		turn := checkTurn{until: time.Now().Add(length),
			load: func(into any) error {
				if saved == nil {
					return nil
				}
				return json.Unmarshal(saved, into)
			},
			save: func(from any, _ bool) (err error) {
				saved, err = json.Marshal(from)
				return err
			},
		}
		out, err := c.Check(ctx, name, blue, green, turn)
		if err != nil {
			return bluegreen.Gate{}, nil, err
		}
		if tell != nil {
			tell(out.Progress)
		}
		if out.Gate != nil {
			return *out.Gate, out.Data, nil
		}
		if err := ctx.Err(); err != nil {
			return bluegreen.Gate{}, nil, err
		}
	}
}
