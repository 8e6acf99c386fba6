package fleet

import (
	"context"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

const (
	// fewSuspects is how many rows are confirmed one by one at most; more than
	// that are listed again first, since most of them are only under way.
	fewSuspects = 500
	// suspectsAtOnce are read by one statement.
	suspectsAtOnce = 50
	// chaseReadings are how often blue is read in quick succession, mostChased
	// how often green is meanwhile and until it has caught up.
	chaseReadings, mostChased = 60, 1000
)

// listPauses come before each listing of a chunk whose checksums differ,
// rowPauses before each look at its suspects, one by one.
var (
	listPauses = []time.Duration{0, 300 * time.Millisecond, time.Second, 2 * time.Second}
	rowPauses  = []time.Duration{0, 300 * time.Millisecond}
)

// narrow finds what differs in a chunk whose checksums do not agree.
func (c *comparer) narrow(ctx context.Context, t *tableState, p pair, whereB, whereG string) error {
	var suspects []string
	for _, pause := range listPauses {
		if err := c.clock.Sleep(ctx, pause); err != nil {
			return err
		}
		var err error
		if suspects, err = c.suspects(ctx, t, p, whereB, whereG); err != nil {
			return err
		}
		if len(suspects) <= fewSuspects {
			break
		}
	}
	before := t.Differing
	more := len(suspects) - fewSuspects
	for batch := range slices.Chunk(suspects[:min(len(suspects), fewSuspects)], suspectsAtOnce) {
		if err := c.confirm(ctx, t, p, batch); err != nil {
			return err
		}
		if t.Differing >= differencesSought {
			t.Stopped, t.Done = true, true
			return nil
		}
	}
	switch {
	case more > 0 && t.Differing > before:
		t.Stopped = true
	case more > 0:
		t.Open += more
	}
	return nil
}

// suspects are the keys of a range whose row on green is none that blue had
// right before or right after.
func (c *comparer) suspects(ctx context.Context, t *tableState, p pair, whereB, whereG string) ([]string, error) {
	before, err := p.blue.list(ctx, c.b, t, p.blue.index, whereB)
	if err != nil {
		return nil, err
	}
	if err := settled(ctx, c.clock, c.blue, c.green); err != nil {
		return nil, err
	}
	green, err := p.green.list(ctx, c.g, t, p.blue.index, whereG)
	if err != nil {
		return nil, err
	}
	behind, err := p.blue.list(ctx, c.b, t, p.blue.index, whereB)
	if err != nil {
		return nil, err
	}
	keys := maps.Clone(before)
	maps.Copy(keys, green)
	maps.Copy(keys, behind)
	var out []string
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		g, there := green[k]
		b1, was := before[k]
		b2, is := behind[k]
		if same := there == was && g == b1 || there == is && g == b2; !same {
			out = append(out, k)
		}
	}
	return out, nil
}

// confirm looks at single rows again until each is cleared, differs for good,
// or cannot be told.
func (c *comparer) confirm(ctx context.Context, t *tableState, p pair, keys []string) error {
	rounds := map[string][]bluegreen.RowRound{}
	left := keys
	look := func(readings int) error {
		seen, err := c.round(ctx, t, p, left, readings)
		if err != nil {
			return err
		}
		left = slices.DeleteFunc(slices.Clone(left), func(k string) bool {
			rounds[k] = append(rounds[k], seen[k])
			v, _ := bluegreen.JudgeRow(rounds[k])
			return v == bluegreen.RowSame
		})
		return nil
	}
	for _, pause := range rowPauses {
		if len(left) == 0 {
			return nil
		}
		if err := c.clock.Sleep(ctx, pause); err != nil {
			return err
		}
		if err := look(1); err != nil {
			return err
		}
	}
	// The last word has a chase: a value that goes to and fro meets there. A
	// second one for those that moved too fast for the first.
	for range 2 {
		if len(left) > 0 {
			if err := look(chaseReadings); err != nil {
				return err
			}
		}
	}
	for _, k := range left {
		switch v, what := bluegreen.JudgeRow(rounds[k]); v {
		case bluegreen.RowDiffers:
			shown := showKey(p.blue.key, splitKey(k))
			if slices.ContainsFunc(t.Differences, func(d bluegreen.RowDifference) bool { return d.Key == shown }) {
				continue // places of a sample may overlap
			}
			t.Differing++
			if len(t.Differences) < differencesShown {
				t.Differences = append(t.Differences, bluegreen.RowDifference{Key: shown, What: what})
			}
		case bluegreen.RowOpen:
			t.Open++
		}
	}
	return nil
}

// round reads rows on blue, waits for green to have what blue's log held then,
// and reads them on both. In a chase blue is read often, and green as long as it
// takes to apply all of what blue went through meanwhile: so green's readings
// pass by the values that blue's have seen, however far it is behind.
func (c *comparer) round(ctx context.Context, t *tableState, p pair, keys []string, readings int) (map[string]bluegreen.RowRound, error) {
	parts := make([][]string, len(keys))
	for i, k := range keys {
		parts[i] = splitKey(k)
	}
	var blue, green []map[string]bluegreen.Row
	read := func(ctx context.Context, s shape, l *line, into *[]map[string]bluegreen.Row) error {
		m, err := s.fingerprints(ctx, l, t, p.blue.index, parts)
		*into = append(*into, m)
		return err
	}
	if err := read(ctx, p.blue, c.b, &blue); err != nil {
		return nil, err
	}
	if err := settled(ctx, c.clock, c.blue, c.green); err != nil {
		return nil, err
	}
	caught := make(chan struct{})
	both, ctx2 := errgroup.WithContext(ctx)
	both.Go(func() error {
		defer close(caught)
		for range readings {
			if err := read(ctx2, p.blue, c.b, &blue); err != nil {
				return err
			}
		}
		if readings > 1 {
			return settled(ctx2, c.clock, c.blue, c.green)
		}
		return nil
	})
	both.Go(func() error {
		for range mostChased {
			if err := read(ctx2, p.green, c.g, &green); err != nil {
				return err
			}
			select {
			case <-caught:
				return nil
			default:
			}
			if readings == 1 {
				return nil
			}
		}
		return nil
	})
	if err := both.Wait(); err != nil {
		return nil, err
	}
	if err := read(ctx, p.blue, c.b, &blue); err != nil {
		return nil, err
	}
	out := map[string]bluegreen.RowRound{}
	for _, k := range keys {
		var r bluegreen.RowRound
		for _, m := range blue {
			r.Blue = append(r.Blue, m[k])
		}
		for _, m := range green {
			r.Green = append(r.Green, m[k])
		}
		out[k] = r
	}
	return out, nil
}
