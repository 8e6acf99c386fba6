package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Back is how going back ended.
type Back struct {
	// New is a load that wrote from before the rollback, to the new server, to
	// after it, to old blue.
	New Count
	// All are the writes of the first act, looked for on the server that serves
	// at the end.
	All      Count
	Now      string // the server's version behind the name
	Truth    time.Duration
	Measured time.Duration // by the tool
}

// good tells that nothing was lost by going back.
func (b Back) good(before string) bool {
	return b.New.Good() && b.All.Good() && b.Now == before && (b.Measured-b.Truth).Abs() <= b.Truth/10
}

// goBack plays the second act: the tool takes the upgrade back, with another
// load that writes all the time.
func (s Story) goBack(ctx context.Context, l *Lab, first *Load, say func(string, ...any)) (b Back, err error) {
	say("somebody decides to go back; a second load begins to write to the new server")
	const apart = 1 << 24 // from the first load's numbers
	load, err := startLoad(l.Endpoint(storyDatabase), App, s.Rate, apart)
	if err != nil {
		return b, err
	}
	running := true
	defer func() {
		if running {
			load.Stop()
		}
	}()
	if err := pause(ctx, s.After); err != nil {
		return b, err
	}
	say("rdsupgrade rollback --database %s --confirm %s", storyDatabase, storyDatabase)
	if err := s.Run(ctx, l, "rollback", "--database", storyDatabase, "--yes", "--confirm", storyDatabase, "--reason", "the application is slower than before"); err != nil {
		return b, fmt.Errorf("rdsupgrade rollback: %w", err)
	}
	say("gone back; the load writes on for %s", s.After)
	if err := pause(ctx, s.After); err != nil {
		return b, err
	}
	load.Stop()
	running = false
	b.Truth = Result{Outages: load.Outages()}.Truth()
	if b.Now, err = l.version(ctx); err != nil {
		return b, err
	}
	if b.New, err = load.Compare(ctx, l, storyDatabase); err != nil {
		return b, err
	}
	if b.All, err = first.Compare(ctx, l, storyDatabase); err != nil {
		return b, err
	}
	if b.Measured, err = s.askBack(ctx, l); err != nil {
		return b, err
	}
	say("%s is MySQL %s again; the new server is kept as %s-rolledback", storyDatabase, b.Now, storyDatabase)
	say("the load could not write for %s; rdsupgrade measured %s", b.Truth.Round(time.Millisecond), b.Measured.Round(time.Millisecond))
	say("acknowledged writes while going back: %d; lost: %d; doubled: %d", b.New.Acked, len(b.New.Lost), len(b.New.Doubled))
	say("acknowledged writes before, on blue and on the new server: %d; lost: %d; doubled: %d", b.All.Acked, len(b.All.Lost), len(b.All.Doubled))
	return b, nil
}

// askBack is the downtime of going back by the tool's status.
func (s Story) askBack(ctx context.Context, l *Lab) (time.Duration, error) {
	var out bytes.Buffer
	quiet := s
	quiet.Out = &out
	if err := quiet.Run(ctx, l, "status", "--output", "json"); err != nil {
		return 0, fmt.Errorf("rdsupgrade status: %w: %s", err, out.String())
	}
	var st struct {
		Databases []struct {
			GoBack struct {
				Downtime struct {
					Writes float64 `json:"writes_seconds"`
				} `json:"downtime"`
			} `json:"go_back"`
		} `json:"databases"`
	}
	if err := json.Unmarshal(out.Bytes(), &st); err != nil || len(st.Databases) != 1 {
		return 0, fmt.Errorf("read the tool's status: %d databases: %w", len(st.Databases), err)
	}
	return time.Duration(st.Databases[0].GoBack.Downtime.Writes * float64(time.Second)), nil
}
